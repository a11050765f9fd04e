import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { IpPrefix } from '../address/index.ts'
import { SANDBOX_VARIABLE } from '../unikernel/index.ts'
import { Failure } from './failure.ts'
import { findNamespaceEntry } from './namespace.ts'
import type { Publication } from './publication.ts'
import { FORWARDED_SIGNALS, type SandboxMessage } from './sandbox-messages.ts'
import { onStarterGone } from './starter.ts'

export interface SandboxOptions {
  readonly command: readonly string[]
  readonly publish: readonly Publication[]
  /** What a person changes where a port is taken; default `--publish`. */
  readonly portOption?: string
  /** Name of the tap device. */
  readonly interface: string
  /** The kernel's addresses on it. */
  readonly addresses: readonly IpPrefix[]
}

/**
 * Runs a command in a private network namespace with a tap device. Standard streams and terminal are the command's,
 * signals are passed on, and everything in there ends with the command or with us, however we end.
 * @returns the command's exit code, 128 + the signal's number if one ended it, 126 or 127 if it could not be started
 * @throws Failure if there is no way to make the namespace, or a port is taken
 */
export async function runSandbox(options: SandboxOptions): Promise<number> {
  // The ports first: that they are taken should be known before anything starts.
  const servers = await listenOnLoopback(options.publish, options.portOption ?? '--publish')
  let inside: ChildProcess
  let mountProc: boolean
  try {
    const entry = findNamespaceEntry()
    mountProc = entry.ownMounts
    const [program, ...words] = entry.command
    inside = spawn(program!, [...words, process.execPath, ...process.execArgv, insideProgram()], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      // An application in there knows by this that the tap has no DHCP server on it.
      env: { ...process.env, [SANDBOX_VARIABLE]: options.interface },
    })
  } catch (error) {
    for (const server of servers) server.close()
    throw error
  }
  const ended = new Promise<number>((resolve) => {
    inside.on('error', () => resolve(1))
    inside.on('exit', (code, signal) => resolve(signal === null ? code! : 128 + constants.signals[signal]))
  })

  const forward = (signal: NodeJS.Signals) => tell(inside, { type: 'signal', signal })
  for (const signal of FORWARDED_SIGNALS) process.on(signal, forward)
  for (const [index, server] of servers.entries()) {
    const { address, port } = options.publish[index]!
    tell(inside, { type: 'publish', address, port }, server)
  }
  tell(inside, {
    type: 'run',
    command: options.command,
    interface: options.interface,
    addresses: options.addresses.map(String),
    mountProc,
  })

  // The command is asked to end, and all of it is ended a little later, whatever it does.
  const unwatch = onStarterGone(() => inside.connected && inside.disconnect())
  const exitCode = await ended
  unwatch()
  for (const signal of FORWARDED_SIGNALS) process.off(signal, forward)
  if (inside.connected) inside.disconnect()
  return exitCode
}

/** The program beside this one; its ending is ours, because sources end in .ts and what is built from them in .js. */
function insideProgram(): string {
  const own = fileURLToPath(import.meta.url)
  return own.replace(/sandbox(\.\w+)$/, 'sandbox-inside$1')
}

/** A listening server is handed over with the message: the connections do not pass through this process. */
function tell(inside: ChildProcess, message: SandboxMessage, server?: Server): void {
  if (!inside.connected) {
    server?.close()
    return
  }
  // It may end while we speak; that is told by its 'exit'.
  inside.send(message, server, undefined, () => server?.close())
}

async function listenOnLoopback(publications: readonly Publication[], option: string): Promise<Server[]> {
  const servers: Server[] = []
  try {
    for (const { hostPort } of publications) {
      const server = createServer()
      servers.push(server)
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host: '127.0.0.1', port: hostPort }, resolve)
      }).catch((error: NodeJS.ErrnoException) => {
        throw new Failure(explainListen(error.code, hostPort, option))
      })
    }
    return servers
  } catch (error) {
    for (const server of servers) server.close()
    throw error
  }
}

function explainListen(code: string | undefined, port: number, option: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} on 127.0.0.1 is taken already: choose another with ${option}`
    case 'EACCES':
      return `port ${port} on 127.0.0.1 is for root only: choose one from 1024 up with ${option}`
    default:
      return `port ${port} on 127.0.0.1 cannot be opened (${code})`
  }
}
