/** The line protocol of InfluxDB, which Telegraf, VictoriaMetrics, QuestDB and others take as well. */

export interface Measurement {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  /** Integers. What is no finite number is left out. */
  readonly fields: Readonly<Record<string, number>>
  /** Those that are fractions as well, which a server keeps in another type: it refuses one that is written now so, now so. */
  readonly fractions?: Readonly<Record<string, number>>
}

/** Without blanks, commas and equals signs of its own. */
function escaped(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\,= ]/g, '\\$&')
}

/** Name and value of what can be written: integers end in `i`, all others are floating point numbers to a server. */
function written({ fields, fractions = {} }: Measurement): string[] {
  const isWritten = ([, value]: [string, number]) => Number.isFinite(value)
  return [
    ...Object.entries(fractions)
      .filter(isWritten)
      .map(([key, value]) => `${escaped(key)}=${value}`),
    ...Object.entries(fields)
      .filter(isWritten)
      .map(([key, value]) => `${escaped(key)}=${BigInt(Math.round(value))}i`),
  ]
}

/**
 * A measurement as lines, each with its line break.
 * @param time nanoseconds since 1970
 * @param longest bytes of a line: the fields go on in another one
 */
export function measurementLines(measurement: Measurement, time: bigint, longest: number): string[] {
  const { name, tags } = measurement
  const tagged = Object.entries(tags).map(([key, value]) => `,${escaped(key)}=${escaped(value)}`)
  const head = `${escaped(name)}${tagged.join('')} `
  const lines: string[] = []
  let line = ''
  for (const field of written(measurement)) {
    if (line !== '' && Buffer.byteLength(`${head}${line},${field} ${time}\n`) > longest) {
      lines.push(`${head}${line} ${time}\n`)
      line = ''
    }
    line += line === '' ? field : `,${field}`
  }
  if (line !== '') lines.push(`${head}${line} ${time}\n`)
  return lines
}
