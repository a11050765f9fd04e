import { execFile } from 'node:child_process'
import { SystemError, type SystemErrorCode } from '../../errors/index.ts'
import type { PingReply } from '../stack.ts'
import type { EchoRequest } from './ping.ts'

/** ICMP echo header, RFC 792: type, code, checksum, identifier, sequence number. */
const ECHO_HEADER = 8

/** As iputils and busybox print a reply; the time is missing where the payload has no room for a time stamp. */
const REPLY = /^(\d+) bytes from .*?ttl=(\d+)(?: time=([\d.]+) ms)?/m

const FAILURES: readonly (readonly [RegExp, SystemErrorCode])[] = [
  [/network is unreachable|destination net unreachable/i, 'ENETUNREACH'],
  [/host unreachable|no route to host|address unreachable/i, 'EHOSTUNREACH'],
  [/not permitted|permission denied/i, 'EPERM'],
  [/message too long/i, 'EMSGSIZE'],
]

/** One echo request by the system's `ping` program (iputils or busybox). */
export function systemPing({ address, size, timeout, hopLimit, signal }: EchoRequest): Promise<PingReply> {
  const seconds = String(Math.ceil(timeout / 1000))
  const started = performance.now()
  return new Promise((resolve, reject) => {
    execFile(
      'ping',
      [
        '-n',
        '-c',
        '1',
        '-W',
        seconds,
        '-s',
        String(size),
        ...(hopLimit === null ? [] : ['-t', String(hopLimit)]),
        address,
      ],
      { signal, timeout, env: { PATH: process.env.PATH, LC_ALL: 'C' } },
      (error, stdout, stderr) => {
        const reply = REPLY.exec(stdout)
        if (reply !== null) {
          resolve({
            address,
            size: Number(reply[1]) - ECHO_HEADER,
            hopLimit: Number(reply[2]),
            roundTripMilliseconds: reply[3] === undefined ? performance.now() - started : Number(reply[3]),
          })
          return
        }
        if ((error as NodeJS.ErrnoException | null)?.code === 'ENOENT') {
          const hint = 'install the package raw-socket or the program ping (iputils)'
          reject(new SystemError('ENOTSUP', 'ping', { address, hint }))
          return
        }
        const output = stdout + stderr
        const code = FAILURES.find(([pattern]) => pattern.test(output))?.[1] ?? 'ETIMEDOUT'
        reject(new SystemError(code, 'ping', { address }))
      },
    )
  })
}
