/** The first process in the sandbox's namespaces: sets the network up, runs the command, passes connections on. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { connect, type Server, type Socket } from 'node:net'
import { constants } from 'node:os'
import { pipeline } from 'node:stream'
import { toolEnvironment } from './namespace.ts'
import { FORWARDED_SIGNALS, type SandboxMessage } from './sandbox-messages.ts'

/** How long the command may take to end after whoever started the sandbox is gone, in milliseconds. */
const ORPHAN_GRACE = 3_000

/**
 * A terminal sends its signals to all processes, a person's `kill` to one. The command has had those that we got
 * ourselves within this time (milliseconds) of being told of them.
 */
const SAME_SIGNAL = 300
const SIGNAL_SPREADS = 50

let command: ChildProcess | null = null
const receivedAt = new Map<NodeJS.Signals, number>()

for (const signal of FORWARDED_SIGNALS) process.on(signal, () => receivedAt.set(signal, performance.now()))

process.on('message', (message: SandboxMessage, server?: Server) => {
  switch (message.type) {
    case 'publish':
      server!.on('connection', (outer: Socket) => passOn(outer, message.address, message.port))
      break
    case 'run':
      if (message.mountProc) mountProc()
      setUpNetwork(message.interface, message.addresses)
      run(message.command)
      break
    case 'signal':
      passSignal(message.signal)
      break
  }
})

// Whoever started us is gone: killed, perhaps. When this process ends, the kernel ends all others in here.
process.on('disconnect', () => {
  if (command === null) process.exit(1)
  command.kill('SIGTERM')
  setTimeout(() => process.exit(1), ORPHAN_GRACE)
})
// It may have gone while this program was being loaded, and the event with it; a port it has sent would keep us.
if (!process.connected) process.exit(1)

/** So that /proc shows the process numbers of this namespace. Some containers forbid it; then it shows the host's. */
function mountProc(): void {
  spawnSync('mount', ['-t', 'proc', 'proc', '/proc'], { env: toolEnvironment(), stdio: 'ignore' })
}

function setUpNetwork(device: string, addresses: readonly string[]): void {
  ip('link', 'set', 'lo', 'up')
  ip('tuntap', 'add', 'dev', device, 'mode', 'tap')
  for (const address of addresses) {
    ip('address', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : []))
  }
  ip('link', 'set', device, 'up')
}

function ip(...words: string[]): void {
  const { status, stderr } = spawnSync('ip', words, { env: toolEnvironment(), encoding: 'utf8' })
  if (status !== 0) fail(`ip ${words.join(' ')}: ${stderr.trim()}`, 1)
}

function run(words: readonly string[]): void {
  const [program, ...rest] = words
  // Node throws for an empty name; a shell does not find it.
  if (program === '') fail("command not found: ''", 127)
  command = spawn(program!, rest, { stdio: 'inherit' })
  command.on('error', (error: NodeJS.ErrnoException) => {
    // As a shell does: 127 not found, 126 found but not to be run. A folder of the path that may not be searched is no
    // finding.
    if (error.code === 'ENOENT' || !program!.includes('/')) fail(`command not found: ${program}`, 127)
    fail(`${program} cannot be run (${error.code})`, 126)
  })
  command.on('exit', (code, signal) => process.exit(signal === null ? code! : 128 + constants.signals[signal]))
}

function passSignal(signal: NodeJS.Signals): void {
  const toldAt = performance.now()
  setTimeout(() => {
    const ownAt = receivedAt.get(signal)
    if (ownAt !== undefined && Math.abs(ownAt - toldAt) < SAME_SIGNAL) return
    if (command === null) process.exit(128 + constants.signals[signal])
    command.kill(signal)
  }, SIGNAL_SPREADS)
}

/** Joins a connection of the host with one to the stack, until both directions have ended or one has failed. */
function passOn(outer: Socket, address: string, port: number): void {
  const inner = connect({ host: address, port, noDelay: true, allowHalfOpen: true })
  outer.allowHalfOpen = true
  outer.setNoDelay(true)
  const failed = () => {
    inner.destroy()
    outer.destroy()
  }
  pipeline(outer, inner, (error) => error && failed())
  pipeline(inner, outer, (error) => error && failed())
}

function fail(message: string, exitCode: number): never {
  console.error(`tapstack: ${message}`)
  process.exit(exitCode)
}
