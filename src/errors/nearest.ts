/** Letters that may be wrong in a name that is guessed at: a third of it, ... */
const TOLERANCE = 3
/** ... but not fewer than this, for short ones. */
const LEAST_TOLERANCE = 2
/** Of words that stand for themselves, such as `svg`, not even two: `png` is another word. */
const LEAST_TOLERANCE_OF_WORDS = 1

/**
 * `; did you mean NAME?`, behind what is said of a word that there is not: a command, a value. Empty where none resembles it.
 * @param names lower case
 */
export function guessOf(written: string, names: Iterable<string>): string {
  const all = [...names]
  const beginning = written.length > 1 ? all.filter((name) => name.startsWith(written.toLowerCase())) : []
  const guess = beginning.length === 1 ? beginning[0]! : nearestTo(written, all, LEAST_TOLERANCE_OF_WORDS)
  return guess === null ? '' : `; did you mean ${guess}?`
}

/**
 * The one of `names` that was probably meant by `written`, null if none resembles it.
 * @param leastTolerance letters that may be wrong however short it is
 */
export function nearestTo(written: string, names: Iterable<string>, leastTolerance = LEAST_TOLERANCE): string | null {
  const plain = written.replace(/^-+/, '').toLowerCase().replaceAll('_', '-')
  let best: string | null = null
  let least = Math.max(leastTolerance, Math.floor(plain.length / TOLERANCE)) + 1
  for (const name of names) {
    // Written in another way, or only a part of it: `--gateway` for `--ipv4-gateway`.
    const isPart = plain.length > 3 && name.split('-').length > 1 && `-${name}-`.includes(`-${plain}-`)
    const distance = isPart ? 1 : editDistance(plain, name)
    // One letter of two is no resemblance, nor is none at all.
    if (distance < least && distance < Math.max(plain.length, 2) && distance < Math.max(plain.length, name.length)) {
      best = name
      least = distance
    }
  }
  return best
}

/** Levenshtein's distance, and Damerau's: how many letters to insert, delete or replace, or neighbours to exchange. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      const areExchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const exchanged = areExchanged ? before[j - 2] + 1 : replaced
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1, exchanged))
    }
    before = row
    row = next
  }
  return row[b.length]
}
