import type { Check } from './check.ts'

const WIDTH = 80
const STATUS_WIDTH = 9
const NAME_WIDTH = 20

/** Lines of 80 columns at most, but for commands, which nobody could copy from two. */
export function formatChecks(checks: readonly Check[]): string {
  return checks.flatMap(formatCheck).join('\n')
}

function formatCheck({ status, name, found, mend }: Check): string[] {
  const indent = STATUS_WIDTH + NAME_WIDTH
  const [first, ...rest] = wrap(found, WIDTH - indent)
  return [
    `${status.padEnd(STATUS_WIDTH)}${name.padEnd(NAME_WIDTH)}${first}`,
    ...rest.map((line) => `${' '.repeat(indent)}${line}`),
    ...mend.flatMap(formatMend),
  ]
}

function formatMend(text: string): string[] {
  const indent = ' '.repeat(STATUS_WIDTH)
  const lines = text.endsWith('.') ? wrap(text, WIDTH - STATUS_WIDTH - 3) : [text]
  return lines.map((line, index) => `${indent}${index === 0 ? '-> ' : '   '}${line}`)
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
