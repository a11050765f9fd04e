import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { SECRET_LENGTH } from '../ipv6/index.ts'

const DIGITS = SECRET_LENGTH * 2

/**
 * The secret of stable interface identifiers (RFC 7217, section 5) that a file keeps from run to run, as hexadecimal digits: made
 * at the first run, for nobody else to read.
 * @throws the errors of `open`, and a TypeError for what is no secret; both have the `path`
 */
export async function stableSecret(path: string): Promise<Uint8Array> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const secret = randomBytes(SECRET_LENGTH)
    await writeFile(path, `${secret.toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
    return new Uint8Array(secret)
  }
  try {
    return parseSecret(text)
  } catch {
    throw Object.assign(new TypeError(`${path} holds no secret of ${DIGITS} hexadecimal digits`), { path })
  }
}

/** @throws TypeError */
export function parseSecret(text: string): Uint8Array {
  if (!new RegExp(`^[\\da-f]{${DIGITS}}\\s*$`, 'i').test(text)) throw new TypeError('no secret')
  return Uint8Array.from(Buffer.from(text.slice(0, DIGITS), 'hex'))
}
