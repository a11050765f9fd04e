/** The line protocol of InfluxDB, which Telegraf, VictoriaMetrics, QuestDB and others take as well. */

export interface Measurement {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  /** What is no finite number is left out. */
  readonly fields: Readonly<Record<string, number>>
}

/** Without blanks, commas and equals signs of its own. */
function escaped(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\,= ]/g, '\\$&')
}

function fieldValue(value: number): string {
  return Number.isSafeInteger(value) ? `${value}i` : `${value}`
}

/**
 * A measurement as lines, each with its line break.
 * @param time nanoseconds since 1970
 * @param longest bytes of a line: the fields go on in another one
 */
export function measurementLines(measurement: Measurement, time: bigint, longest: number): string[] {
  const { name, tags, fields } = measurement
  const tagged = Object.entries(tags).map(([key, value]) => `,${escaped(key)}=${escaped(value)}`)
  const head = `${escaped(name)}${tagged.join('')} `
  const lines: string[] = []
  let line = ''
  for (const [key, value] of Object.entries(fields)) {
    if (!Number.isFinite(value)) continue
    const field = `${escaped(key)}=${fieldValue(value)}`
    if (line !== '' && Buffer.byteLength(`${head}${line},${field} ${time}\n`) > longest) {
      lines.push(`${head}${line} ${time}\n`)
      line = ''
    }
    line += line === '' ? field : `,${field}`
  }
  if (line !== '') lines.push(`${head}${line} ${time}\n`)
  return lines
}
