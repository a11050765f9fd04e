/** Letters that may be wrong in a name that is guessed at: a third of it, ... */
const TOLERANCE = 3
/** ... but not fewer than this, for short ones. */
const LEAST_TOLERANCE = 2

/** The one of `names` that was probably meant by `written`, null if none resembles it. */
export function nearestTo(written: string, names: Iterable<string>): string | null {
  const plain = written.replace(/^-+/, '').toLowerCase().replaceAll('_', '-')
  let best: string | null = null
  let least = Math.max(LEAST_TOLERANCE, Math.floor(plain.length / TOLERANCE)) + 1
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

/** Levenshtein's distance: how many letters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1))
    }
    row = next
  }
  return row[b.length]
}
