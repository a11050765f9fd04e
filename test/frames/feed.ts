import type { CorpusFrame } from './corpus.ts'
import type { HostilePair } from './hostile-host.ts'

/** Milliseconds for one frame on a loaded machine; a hang is longer. */
const HANG = 5000

/**
 * Feeds frames to both hosts, with a ping now and then.
 * @param change what becomes of a frame before; null leaves it out
 * @returns how many frames were sent in answer
 */
export async function feed(
  pair: HostilePair,
  frames: readonly CorpusFrame[],
  change: (frame: CorpusFrame, index: number) => Uint8Array | null,
  look: (sent: Uint8Array[]) => void = () => {},
): Promise<number> {
  let answers = 0
  for (const [index, frame] of frames.entries()) {
    const bytes = change(frame, index)
    if (bytes === null) continue
    const before = performance.now()
    try {
      const sent = pair.receive(bytes)
      answers += sent.length
      look(sent)
    } catch (error) {
      throw new Error(`${frame.name}: ${Buffer.from(bytes).toString('hex')}`, { cause: error })
    }
    if (performance.now() - before > HANG) throw new Error(`${frame.name} took longer than ${HANG} ms`)
    if (index % 500 === 499) {
      pair.expectPingAnswered()
      // Promises of applications have their turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  pair.expectPingAnswered()
  return answers
}
