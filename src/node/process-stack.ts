/** A stack in the place of the operating system's, for the length of a process: what holds the process, and how it ends. */
import type { DirectStack } from '../stack/index.ts'
import type { HandleHost } from './handle-host.ts'

/** Milliseconds that connections have to finish after a program has ended by itself. */
const GRACE = 5000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A device that can let the process end. */
interface Referenced {
  ref?(): unknown
  unref?(): unknown
}

/**
 * From now on only what the program has open holds the process, as on the operating system. When it ends, connections are
 * finished or, where it is in a hurry, told so.
 * @param devices what holds the process for the stack: its clock and its interface
 */
export function leadLifeOfProcess(stack: DirectStack, host: HandleHost, devices: readonly Referenced[]): void {
  for (const each of devices) each.unref?.()
  // What is still to be sent goes out after the program's end, as from the kernel.
  const finish = () => {
    if (host.hold.holders > 0 || stack.tcp.connections === 0) return
    process.off('beforeExit', finish)
    for (const each of devices) each.ref?.()
    stack.close(GRACE).catch(() => {})
  }
  process.on('beforeExit', finish)
  process.on('exit', () => sayGoodbye(stack))
  for (const signal of SIGNALS) endWith(signal, stack)
}

/** What closing the descriptors of a process does, as far as it goes at once: FIN, or RST where data was left unread. */
function sayGoodbye(stack: DirectStack): void {
  stack.tcp.stopListening()
  stack.tcp.forEachConnection((connection) => connection.release())
  stack.ethernet.release()
}

/** Only if the program does not deal with the signal itself. */
function endWith(signal: NodeJS.Signals, stack: DirectStack): void {
  const end = () => {
    if (process.listenerCount(signal) > 1) return
    sayGoodbye(stack)
    process.off(signal, end)
    process.kill(process.pid, signal)
  }
  process.on(signal, end)
}
