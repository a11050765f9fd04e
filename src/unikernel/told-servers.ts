/** What a run tells servers of itself: its log by syslog, and its measurements. */
import type { Lifecycle } from './lifecycle.ts'
import type { LogEntry, Logs } from './logs.ts'
import type { MadeStack, RunValues } from './made-devices.ts'
import { Monitor } from './monitor.ts'
import { SyslogSender, type SyslogSeverity } from './syslog.ts'
import { readTlsFiles } from './tls-files.ts'

/** RFC 5424, section 6.2.1: what was said whatever else is logged is "normal but significant". */
const SEVERITIES: Readonly<Record<LogEntry['level'], SyslogSeverity>> = {
  error: 'error',
  warn: 'warning',
  app: 'notice',
  info: 'informational',
  debug: 'debug',
}

export interface ToldServersOptions {
  readonly values: RunValues
  /** The unikernel's name. */
  readonly application: string
  readonly logs: Logs
  readonly lifecycle: Pick<Lifecycle, 'memory'>
}

/** Sends over the first network of a run, from when there is one until it closes. */
export class ToldServers {
  readonly #options: ToldServersOptions
  #syslog: SyslogSender | null = null
  #monitor: Monitor | null = null

  constructor(options: ToldServersOptions) {
    this.#options = options
  }

  /** @param stacks with the one that is sent over first @throws for files as `readTlsFiles` */
  async start(stacks: readonly MadeStack[]): Promise<void> {
    if (stacks.length === 0) return
    await this.#startSyslog(stacks[0])
    await this.#startMonitor(stacks)
  }

  /** Why the run fails, whatever is logged. */
  failed(text: string): void {
    this.#syslog?.send({ time: new Date().toISOString(), severity: 'critical', id: 'unikernel', text })
  }

  /** What is to go out before the networks close. @param within milliseconds */
  async finish(within: number): Promise<void> {
    const monitor = this.#monitor
    this.#monitor = null
    await Promise.all([this.#syslog?.delivery.close(within), monitor?.close(within)])
  }

  async #startSyslog({ stack }: MadeStack): Promise<void> {
    const { values, application, logs } = this.#options
    const { syslog: server, syslogTransport, syslogPort, syslogFacility, name: hostName } = values
    if (server === undefined) return
    const { syslogCa: ca, syslogCertificate: certificate, syslogKey: key } = values
    const sender = new SyslogSender(stack, {
      server,
      transport: syslogTransport,
      port: syslogPort,
      tls: await readTlsFiles({ ca, certificate, key }),
      hostName,
      application,
      facility: syslogFacility,
      log: logs('unikernel'),
    })
    this.#syslog = sender
    logs.onEntry((entry) => {
      const { time, level, source } = entry
      sender.send({ time, severity: SEVERITIES[level], id: source, text: logs.textOf(entry) })
    })
  }

  async #startMonitor(stacks: readonly MadeStack[]): Promise<void> {
    const { values, logs, lifecycle } = this.#options
    const { monitor: server, monitorInterval: interval, monitorCa: ca, name } = values
    if (server === undefined) return
    const measured = stacks.map(({ stack, device }) => ({ stack, group: device.group }))
    this.#monitor = new Monitor(stacks[0].stack, measured, {
      server,
      tls: await readTlsFiles({ ca }),
      interval,
      name,
      lifecycle,
      logs,
      log: logs('unikernel'),
    })
  }
}
