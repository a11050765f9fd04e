import { tapBinding } from './tap-binding.ts'

/**
 * From now on calls `enter` before the event loop waits for something to happen, and `leave` after, in each of its turns.
 * @throws Error if there is no addon
 */
export function watchIterations(enter: () => void, leave: () => void): void {
  const result = tapBinding().watchIterations(enter, leave)
  if (result < 0) throw new Error(`the event loop cannot be watched (${result})`)
}
