/** As much of Markdown as the tests of the documentation look at. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export interface Page {
  /** From the root of the repository, `docs/guide.md`. */
  readonly path: string
  readonly text: string
}

/** README.md, CHANGELOG.md and all of docs/. */
export function pages(): Page[] {
  const inDocs = readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
  return ['README.md', 'CHANGELOG.md', ...inDocs].map(page)
}

export function page(path: string): Page {
  return { path, text: readFileSync(join(root, path), 'utf8') }
}

/** Without what stands in fences: examples are not links, and nothing in them is promised to exist. */
export function withoutCode(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '')
}

/** The targets of `[text](target)`. */
export function links(text: string): string[] {
  return [...withoutCode(text).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map((match) => match[1])
}

/** What stands between backticks in one line. */
export function codeSpans(text: string): string[] {
  return [...withoutCode(text).matchAll(/`([^`\n]+)`/g)].map((match) => match[1])
}

/** The anchors that headings get, as GitHub makes them. */
export function anchors(text: string): Set<string> {
  const headings = [...withoutCode(text).matchAll(/^#{1,6} (.*)$/gm)].map((match) => match[1])
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replace(/ /g, '-'),
    ),
  )
}

/** The cells of all table rows below a heading, headers and rules left out. */
export function tableRows(text: string, heading: string): string[][] {
  const start = text.search(new RegExp(`^#+ ${heading}$`, 'm'))
  if (start < 0) throw new Error(`no heading "${heading}"`)
  const level = /^#+/.exec(text.slice(start))![0].length
  const rest = text.slice(start + level)
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'))
  const lines = (end < 0 ? rest : rest.slice(0, end)).split('\n')
  return lines
    .filter(
      (line, index) => line.startsWith('|') && !/^\|[-| ]+\|$/.test(line) && !/^\|[-| ]+\|$/.test(lines[index + 1]),
    )
    .map((line) => line.replaceAll('\\|', '\0').split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.replaceAll('\0', '|').trim()))
}
