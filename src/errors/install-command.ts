import { readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/**
 * What to type so that a package is found by whatever is in `folder`. npm installs for the nearest folder upwards that has a
 * package.json or node_modules. Where that package names the wanted one as an optional peer, as tapstack's own does in a clone of
 * its repository, npm says that all is up to date and installs nothing, unless it is to be a dependency.
 * @param folder that of who wants it; default the working directory
 */
export function installCommand(name: string, folder = process.cwd()): string {
  const there = projectOf(folder)
  const here = projectOf(process.cwd())
  const words = ['npm', 'install', name]
  if (isOptionalPeer(name, there)) words.push('--save-dev')
  // Node.js looks in the folder of who asks, and in all above it.
  const isFound = resolve(folder) === here || resolve(folder).startsWith(here === '/' ? here : `${here}/`)
  if (!isFound) words.push('--prefix', quoted(shorter(there, relative(process.cwd(), there))))
  return words.join(' ')
}

/** As npm finds it: its documentation of `npm prefix`. */
function projectOf(folder: string): string {
  const start = resolve(folder)
  for (let each = start; ; each = dirname(each)) {
    if (['package.json', 'node_modules'].some((entry) => exists(join(each, entry)))) return each
    if (each === dirname(each)) return start
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function isOptionalPeer(name: string, folder: string): boolean {
  try {
    const { peerDependenciesMeta } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return peerDependenciesMeta?.[name]?.optional === true
  } catch {
    return false
  }
}

function shorter(path: string, other: string): string {
  return other !== '' && other.length < path.length ? other : path
}

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
