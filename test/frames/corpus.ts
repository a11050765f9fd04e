import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

/** Beside the checkout; it is not part of the package. Format: one JSON object a line, `{ src, i, hex }`. */
const CORPUS = fileURLToPath(new URL('../../../shared/frames/tcpdump.ndjson.gz', import.meta.url))

export interface CorpusFrame {
  /** Capture file and index in it. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** The frames of tcpdump's test captures, or null where they are not. */
export function readCorpus(): CorpusFrame[] | null {
  if (!existsSync(CORPUS)) return null
  return gunzipSync(readFileSync(CORPUS))
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { src, i, hex } = JSON.parse(line) as { src: string; i: number; hex: string }
      return { name: `${src} frame ${i}`, bytes: Uint8Array.from(Buffer.from(hex, 'hex')) }
    })
}
