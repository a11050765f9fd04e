/** What the documentation says about names, paths, defaults and packages, compared with what is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LAYERS } from '../../scripts/lint/import-direction.mjs'
import { MILLISECOND, MINUTE, SECOND } from '../../src/clock/index.ts'
import { newTcpCounters } from '../../src/tcp/counters.ts'
import { DEFAULT_TCP_SETTINGS, type TcpSettings } from '../../src/tcp/index.ts'
import { bootArguments } from '../../src/unikernel/boot-arguments.ts'
import { optionName } from '../../src/unikernel/command-line.ts'
import { exportedNames, isDocumented } from './exported-names.ts'
import { anchors, codeSpans, links, page, pages, root, tableRows, withoutCode } from './markdown.ts'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const all = pages()

/** What git does not keep: there only after a build, a bench or a failed test. */
const MADE = ['dist', 'build', 'prebuilds', 'node_modules', 'test/captures', 'bench/results']

describe.each(all)('$path', ({ path, text }) => {
  test('links lead somewhere', () => {
    const broken = links(text).filter((target) => {
      if (/^[a-z]+:/.test(target)) return false
      const [file, anchor] = target.split('#')
      const to = file === '' ? path : normalize(join(dirname(path), file))
      if (!existsSync(join(root, to))) return true
      return anchor !== undefined && !anchors(page(to).text).has(anchor)
    })
    expect(broken).toEqual([])
  })

  test('files and folders that it names are there', () => {
    const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    const missing = codeSpans(text)
      // The first word of a command line, or a path alone; what has a placeholder in it is not one.
      .flatMap((span) => span.split(/\s+/))
      .map((word) => word.replace(/[:,;.]+$/, ''))
      .filter((word) => folders.some(({ name }) => word.startsWith(`${name}/`)) && !/[*<>{}$]|[A-Z]{3,}$/.test(word))
      .filter((word) => !MADE.some((folder) => word === folder || word.startsWith(`${folder}/`)))
      .filter((word) => !existsSync(join(root, word)))
    expect(missing).toEqual([])
  })

  test('npm scripts that it names are there', () => {
    const named = [...text.matchAll(/\bnpm (?:run )?(--\S+ )?([a-z][\w:-]*)/g)].map((match) => match[2])
    const ofNpm = ['install', 'link', 'ci']
    expect(named.filter((script) => manifest.scripts[script] === undefined && !ofNpm.includes(script))).toEqual([])
  })
})

test('the index lists every page', () => {
  const listed = links(page('docs/README.md').text).map((target) => normalize(join('docs', target)))
  expect(listed.sort()).toEqual(
    all
      .map(({ path }) => path)
      .filter((path) => path !== 'docs/README.md')
      .sort(),
  )
})

describe('docs/architecture.md', () => {
  const { text } = page('docs/architecture.md')

  test('the layers are those that the linter checks, in their order', () => {
    const rows = tableRows(text, 'Layers').map(([folders]) => folders.match(/[a-z][a-z\d]*/g))
    expect(rows).toEqual(LAYERS)
  })

  test('layers in italics have no code, the others have', () => {
    for (const [folders] of tableRows(text, 'Layers')) {
      for (const [, star, name] of folders.matchAll(/(\*?)`(\w+)`/g)) {
        expect([name, existsSync(join(root, 'src', name))]).toEqual([name, star === ''])
      }
    }
  })

  test('the files of TCP are there', () => {
    const named = tableRows(text, 'TCP').flatMap(([files]) => codeSpans(files))
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !existsSync(join(root, 'src/tcp', name)))).toEqual([])
  })
})

describe('docs/limits.md', () => {
  const { text } = page('docs/limits.md')

  test('the TCP settings are all there, with their defaults', () => {
    const rows = new Map(tableRows(text, 'All settings').map(([name, value]) => [name.replaceAll('`', ''), value]))
    expect([...rows.keys()].sort()).toEqual(Object.keys(DEFAULT_TCP_SETTINGS).sort())
    for (const [name, written] of rows) {
      const value = DEFAULT_TCP_SETTINGS[name as keyof TcpSettings]
      const expected = typeof value === 'boolean' ? String(value) : typeof value === 'object' ? [...value] : value
      const isWord = typeof value === 'boolean' || typeof value === 'string'
      const read = isWord ? written : typeof value === 'object' ? range(written) : amount(written)
      expect([name, read]).toEqual([name, expected])
    }
  })

  test('a default that names its constant or option is what stands there', () => {
    const claims = [
      ...text.matchAll(/(?:\b|one in )([\d,]+(?: (?:ms|s|min|KiB|MiB))?)(?: bytes)?\s\(`(\w+)`\s+in\s+`([^`]+)`\)/g),
    ]
    // As many as there are: none is written so that it is not understood.
    expect(claims).toHaveLength([...text.matchAll(/\(`\w+`\s+in\s+`src/g)].length)
    for (const [, written, name, file] of claims) {
      expect(`${name} in ${file}: ${writtenIn(name, file)}`).toBe(`${name} in ${file}: ${amount(written)}`)
    }
  })

  test('the tests that it names are there', () => {
    const named = [...text.matchAll(/`([^`]+\.ts)` "([^"]+)"/g)]
    expect(named.length).toBeGreaterThan(25)
    const missing = named.filter(([, file, title]) => {
      const source = existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : ''
      return !["'", '"', '`'].some((quote) => source.includes(`${quote}${title}${quote}`))
    })
    expect(missing.map(([whole]) => whole)).toEqual([])
  })
})

test('docs/counters.md has every counter of TCP, in their order', () => {
  const rows = tableRows(page('docs/counters.md').text, 'TCP')
  expect(rows.map(([name]) => name)).toEqual(Object.keys(newTcpCounters()).map((name) => `\`${name}\``))
  expect(rows.filter(([, meaning]) => meaning.length < 10)).toEqual([])
})

test('docs/rfcs.md has every RFC that the code cites', () => {
  const listed = new Set([...page('docs/rfcs.md').text.matchAll(/\d{3,4}/g)].map(([number]) => number))
  const cited = new Set<string>()
  for (const folder of ['src', 'native', 'examples']) {
    for (const file of readdirSync(join(root, folder), { recursive: true }) as string[]) {
      if (!/\.(ts|c|h|wat)$/.test(file) || file.endsWith('.test.ts')) continue
      for (const [, number] of readFileSync(join(root, folder, file), 'utf8').matchAll(/\bRFC (\d+)/g))
        cited.add(number)
    }
  }
  expect([...cited].filter((number) => !listed.has(number))).toEqual([])
})

test('docs/dependencies.md has every package, of the right version', () => {
  const { text } = page('docs/dependencies.md')
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies }
  const tables = ['At run time', 'Optional', 'For development'].flatMap((heading) => tableRows(text, heading))
  const listed = new Map(
    tables.flatMap(([cell]) => [...cell.matchAll(/`([^`]+)` ([\d.]+)/g)].map(([, name, version]) => [name, version])),
  )
  expect([...listed.keys()].sort()).toEqual(Object.keys(wanted).sort())
  for (const [name, version] of listed) {
    expect(`${name} ${wanted[name].replace(/^[~^]/, '')}.`).toMatch(
      new RegExp(`^${name} ${version.replace('.', '\\.')}\\.`),
    )
  }
})

test('docs/boot-arguments.md has every boot argument', () => {
  const { text } = page('docs/boot-arguments.md')
  const missing = Object.keys(bootArguments('name')).filter((name) => !text.includes(`--${optionName(name)}`))
  expect(missing).toEqual([])
})

test('no page names a place on one machine', () => {
  for (const { path, text } of all)
    expect([path, withoutCode(text).match(/\/(?:home|root|work|tmp)\/\w+/)]).toEqual([path, null])
})

const UNITS: Record<string, number> = {
  us: 1,
  ms: MILLISECOND,
  s: SECOND,
  min: MINUTE,
  bytes: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

/** `1,024`, `1 MiB` or `40 ms` as the number that it is in the code. */
function amount(written: string): number {
  const [, digits, unit] = /^([\d,]+)(?: (\w+))?$/.exec(written) ?? []
  if (digits === undefined) throw new Error(`no amount: ${written}`)
  return Number(digits.replaceAll(',', '')) * (unit === undefined ? 1 : UNITS[unit])
}

function range(written: string): number[] {
  return written.split(' to ').map(amount)
}

/** What `const NAME = ...` or `name ?? ...` in a file says, as far as it is arithmetic. */
function writtenIn(name: string, file: string): number {
  const source = readFileSync(join(root, file), 'utf8')
  const found =
    new RegExp(`const ${name}(?:: \\w+)? = (.+)`).exec(source) ?? new RegExp(`\\b${name} \\?\\? ([\\d_]+)`).exec(source)
  if (found === null) throw new Error(`no ${name} in ${file}`)
  const expression = found[1]
    .replace(/\/\/.*$/, '')
    .replace(/\b(MILLISECOND|SECOND|MINUTE)\b/g, (unit) => String({ MILLISECOND, SECOND, MINUTE }[unit]))
    .replaceAll('_', '')
  if (!/^[\d\s+*<()-]+$/.test(expression)) throw new Error(`${name} in ${file} is not arithmetic: ${found[1]}`)
  return new Function(`return ${expression}`)() as number
}

test('what the package exports has documentation comments', () => {
  const names = exportedNames(join(root, 'src/index.ts'))
  expect(names.size).toBeGreaterThan(400)
  expect([...names].filter(([, place]) => !isDocumented(place)).map(([name]) => name)).toEqual([])
})
