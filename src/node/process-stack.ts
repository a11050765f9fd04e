/** A stack in the place of the operating system's, for the length of a process: what holds the process, and how it ends. */
import type { DirectStack } from '../stack/index.ts'
import type { HandleHost } from './handle-host.ts'
import { followProcess } from './process-events.ts'

/** Milliseconds that connections have to finish after a program has ended by itself. */
const GRACE = 5000

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
  followProcess({
    // What is still to be sent goes out after the program's end, as from the kernel.
    idle() {
      if (host.hold.holders > 0 || stack.tcp.connections === 0) return false
      host.hasEnded = true
      for (const each of devices) each.ref?.()
      stack.tcp.forEachConnection((connection) => connection.release())
      stack.close(GRACE).catch(() => {})
      return true
    },
    exit: () => sayGoodbye(stack),
  })
}

/** What closing the descriptors of a process does, as far as it goes at once: FIN, or RST where data was left unread. */
function sayGoodbye(stack: DirectStack): void {
  stack.tcp.stopListening()
  stack.tcp.forEachConnection((connection) => connection.release())
  stack.ethernet.release()
}
