import { SystemError } from '../errors/index.ts'
import { factsOf, type InterfaceFacts } from './interface-facts.ts'
import { tapError } from './tap-error.ts'

/** Neither libpcap nor a raw socket says that its interface went down or away: it is looked at this often. */
const CHECK_MILLISECONDS = 500

/**
 * Looks from time to time whether an interface is still there and up. It keeps no process alive.
 * @param syscall named by the error
 * @returns what ends it
 */
export function watchInterface(
  name: string,
  namespace: string,
  index: number,
  syscall: string,
  onGone: (error: Error) => void,
): () => void {
  const timer = setInterval(() => {
    let facts: InterfaceFacts | number
    try {
      facts = factsOf(name, namespace)
    } catch {
      // The way to the namespace is gone, which says nothing of the namespace.
      return
    }
    const error =
      typeof facts === 'number'
        ? tapError(facts, syscall, name)
        : facts.index !== index
          ? new SystemError('ENODEV', syscall, { hint: `interface ${name} was deleted` })
          : facts.isUp
            ? null
            : new SystemError('ENETDOWN', syscall, { hint: `interface ${name} went down` })
    if (error === null) return
    clearInterval(timer)
    onGone(error)
  }, CHECK_MILLISECONDS)
  timer.unref()
  return () => clearInterval(timer)
}
