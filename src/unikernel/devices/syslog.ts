import type { Stack } from '../../stack/index.ts'
import { parseDestination } from '../destination.ts'
import { certificateFile } from '../file-checks.ts'
import {
  SYSLOG_FACILITIES,
  SYSLOG_SEVERITIES,
  type SyslogData,
  type SyslogFacility,
  SyslogSender,
  type SyslogSeverity,
} from '../syslog.ts'
import { readTlsFiles } from '../tls-files.ts'
import { TrackedStack } from '../tracked-stack.ts'
import { type Device, device } from './device.ts'

/** What `devices.syslog` takes. */
export interface SyslogDeviceOptions {
  /** What it is sent over. */
  stack: Device<Stack>
  /** Of its boot argument, which says where the server is: `audit` for `--audit tls://HOST`, and `--audit-ca FILE`. */
  argument: string
  /** The argument's default, `tls://logs.example`; without one it has to be given. UDP where nothing else is said. */
  server?: string
  /** What the server files the messages under; default `user`. */
  facility?: SyslogFacility
}

/** Messages of one's own to a syslog server (RFC 5424), which are not in the log of the run: an audit trail, for example. */
export interface Syslog {
  /**
   * Sends a message, or keeps it until the server is there: the last 1,000. Over UDP it is cut at 1,200 bytes, otherwise at
   * 8,192; line breaks become blanks.
   * @throws RangeError for a severity that there is not
   */
  send(severity: SyslogSeverity, text: string, options?: SyslogSendOptions): void
  /** Messages that were handed to the network. */
  readonly sent: number
  /** Messages that waited for too long. */
  readonly dropped: number
}

/** What a message of `devices.syslog` may have besides its text. */
export interface SyslogSendOptions {
  /** What kind of message it is (MSGID): up to 32 printable characters; default none. */
  id?: string
  /** Structured data: elements by their identifiers, such as `order@32473`, with parameters by their names. */
  data?: SyslogData
}

/** @throws TypeError for a server or facility */
export function syslogDevice({ stack, argument, server, facility = 'user' }: SyslogDeviceOptions): Device<Syslog> {
  if (!Object.hasOwn(SYSLOG_FACILITIES, facility)) {
    const names = Object.keys(SYSLOG_FACILITIES).join(', ')
    throw new TypeError(`the facility of a syslog device is one of ${names}, not ${JSON.stringify(facility)}`)
  }
  const ca = `${argument}Ca`
  return device({
    kind: 'syslog',
    uses: { stack },
    arguments: {
      [argument]: {
        type: 'custom',
        expected: 'a server such as 10.0.0.1, logs.example:5514 or tls://logs.example',
        parse: parseDestination,
        placeholder: 'SERVER',
        doc: 'a syslog server that gets messages of the application: [udp|tcp|tls://]HOST[:PORT]',
        ...(server === undefined ? { required: true } : { default: server }),
      },
      [ca]: {
        type: 'string',
        check: certificateFile,
        placeholder: 'FILE.pem',
        doc: 'the certificates that it may have been signed by, with TLS (default those that Node.js trusts)',
      },
    },
    create: async ({ uses, arguments: given, log, name, application, onClosing }): Promise<Syslog> => {
      const values = given as Record<string, unknown>
      const sender = new SyslogSender(TrackedStack.untracked(uses.stack), {
        server: values[argument] as NonNullable<ReturnType<typeof parseDestination>>,
        transport: 'udp',
        tls: await readTlsFiles({ ca: values[ca] as string | undefined }),
        hostName: name,
        application,
        facility,
        log,
      })
      onClosing((grace) => sender.delivery.close(grace))
      return {
        send: (severity, text, { id = '-', data } = {}) => {
          if (!SYSLOG_SEVERITIES.includes(severity)) {
            throw new RangeError(
              `a severity is one of ${SYSLOG_SEVERITIES.join(', ')}, not ${JSON.stringify(severity)}`,
            )
          }
          sender.send({ time: new Date().toISOString(), severity, id, data, text: String(text) })
        },
        get sent() {
          return sender.delivery.sent
        },
        get dropped() {
          return sender.delivery.dropped
        },
      }
    },
  })
}
