#!/usr/bin/env node
// Imports in src/ only ever point down the list below, and into another folder only through its index.ts. Part of
// `npm run lint`; the rules of single files (formatting, no clock and no chance in protocol code) are in biome.json.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** From top to bottom. Folders on one line are neighbours that do not know each other. */
export const LAYERS = [
  ['cli'],
  ['unikernel'],
  ['inspect'],
  ['node'],
  ['stack'],
  ['dns', 'dhcp'],
  ['tcp', 'udp'],
  ['icmp'],
  ['ipv4', 'ipv6'],
  ['ip'],
  ['arp'],
  ['ethernet'],
  ['netif'],
  ['capture'],
  ['packet'],
  ['checksum'],
  ['clock'],
  ['address'],
  ['log'],
  ['errors'],
]

const depths = new Map(LAYERS.flatMap((folders, depth) => folders.map((folder) => [folder, depth])))

// `import ... from 'x'`, `export ... from 'x'`, `import 'x'` and `import('x')`, over several lines too.
const IMPORT = /(?:^|[\s;])(?:import|export)\b(?:[\s\w*{},$]*?\bfrom)?\s*\(?\s*(['"])(\.[^'"]*)\1/g
const COMMENT = /\/\*[\s\S]*?\*\/|(?<![:'"])\/\/[^\n]*/g

/**
 * @param {string} file path below src/, with forward slashes: `tcp/connection.ts`
 * @param {string} text what stands in it
 * @returns {{ line: number, message: string }[]}
 */
export function violations(file, text) {
  // Tests may build what they need from any layer.
  if (file.endsWith('.test.ts')) return []
  const found = []
  const from = topFolder(file)
  if (from !== null && !depths.has(from)) {
    found.push({
      line: 1,
      message: `the folder src/${from} has no place in the list of scripts/lint/import-direction.mjs`,
    })
    return found
  }
  const code = text.replace(COMMENT, (comment) => comment.replace(/[^\n]/g, ' '))
  for (const match of code.matchAll(IMPORT)) {
    const specifier = match[2]
    const report = (message) => found.push({ line: lineOf(code, match.index + match[0].length), message })
    const target = normalize(join(dirname(file), specifier))
      .split(sep)
      .join('/')
    if (target.startsWith('../')) {
      // package.json is data about ourselves; everything else that belongs to the library lives in src/.
      if (target !== '../package.json') report(`'${specifier}' leaves src/`)
      continue
    }
    const to = topFolder(target)
    if (to === from) continue
    if (to === null) {
      report(`'${specifier}' is above every layer`)
      continue
    }
    if (target !== `${to}/index.ts`) {
      report(`'${specifier}' reaches into src/${to}: import from its index.ts`)
    } else if (!depths.has(to)) {
      report(`the folder src/${to} has no place in the list of scripts/lint/import-direction.mjs`)
    } else if (from !== null && depths.get(to) <= depths.get(from)) {
      report(`src/${from} must not know src/${to}: imports only point down`)
    }
  }
  return found
}

/** The folder of src/ that a path lies in, null for what lies in src/ itself (the package's entry, above all layers). */
function topFolder(path) {
  const slash = path.indexOf('/')
  return slash < 0 ? null : path.slice(0, slash)
}

function lineOf(text, index) {
  let line = 1
  for (let i = 0; i < index; i++) if (text[i] === '\n') line++
  return line
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const source = join(root, 'src')
  let count = 0
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
    const path = join(entry.parentPath, entry.name)
    for (const { line, message } of violations(relative(source, path), readFileSync(path, 'utf8'))) {
      console.error(`${relative(root, path)}:${line}: ${message}`)
      count++
    }
  }
  if (count > 0) {
    console.error(`${count} import${count === 1 ? '' : 's'} against the order of the layers.`)
    process.exit(1)
  }
}
