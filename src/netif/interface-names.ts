import { readFileSync } from 'node:fs'
import { nearestTo } from '../errors/index.ts'

/** All interfaces of this network namespace, which /sys does not always show; none where that cannot be read. */
export function interfaceNames(): string[] {
  try {
    const [, , ...lines] = readFileSync('/proc/self/net/dev', 'utf8').split('\n')
    return lines.map((line) => line.slice(0, Math.max(0, line.indexOf(':'))).trim()).filter((name) => name !== '')
  } catch {
    return []
  }
}

export function interfaceExists(name: string): boolean {
  return interfaceNames().includes(name)
}

/**
 * The one of `names` that was probably meant by a name that there was not. `tap1` beside `tap0` is another one, and no mistake.
 */
export function misspeltInterface(written: string, names: readonly string[]): string | null {
  const letters = (name: string) => name.replaceAll(/\d/g, '')
  return nearestTo(
    written,
    names.filter((name) => letters(name) !== letters(written)),
    1,
  )
}
