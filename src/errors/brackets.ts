/** An address without brackets, and what may stand in front of it: `udp://`, `tcp:`. */
const PLACES = /^((?:[a-z]+:\/\/|(?:tcp|udp|tls|tcp-listen):)?|.*,local=)([0-9a-f.]*:[0-9a-f:.]*)(?=$|[^0-9a-z:.\]])/i

/**
 * Behind what is said of a text that was refused: `; did you mean [fd00::1]:80?`, where brackets around an IPv6 address are all that
 * is missing, or too much; otherwise empty.
 * @param isRight whether another spelling would have been taken
 */
export function guessOfBrackets(text: string, isRight: (text: string) => boolean): string {
  const guess = [...spellings(text)].find(isRight)
  return guess === undefined ? '' : `; did you mean ${guess}?`
}

function* spellings(text: string): Generator<string, undefined> {
  if (/[[\]]/.test(text)) yield text.replaceAll(/[[\]]/g, '')
  yield* bracketed(text)
  // Both ends of a carrier may be addresses.
  for (const each of bracketed(text)) yield* bracketed(each)
  return undefined
}

/** With the last group as a port, which is how it was meant where that leaves an address; and with all as the address. */
function* bracketed(text: string): Generator<string, undefined> {
  const [all, before = '', address = ''] = PLACES.exec(text) ?? []
  if (all === undefined) return undefined
  const behind = text.slice(all.length)
  const [, host, port] = /^(.*):(\d{1,5})$/.exec(address) ?? []
  if (host !== undefined) yield `${before}[${host}]:${port}${behind}`
  yield `${before}[${address}]${behind}`
  return undefined
}
