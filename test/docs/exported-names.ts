/** What a module exports, and where that is declared: as much of TypeScript's syntax as src/ uses for it. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** `export class Tap`, but not `export { Tap } from`. */
const DECLARATION = /^export (?:abstract )?(?:async )?(?:const|function\*?|class|interface|type) (\w+)/gm
const LIST = /^export (?:type )?\{([^}]*)\} from '(\.[^']+)'/gm
const ALL = /^export \* from '(\.[^']+)'/gm
const ITEM = /^(?:type )?(\w+)(?: as (\w+))?$/

/** The files in which each name is declared, under the name that others see. */
export function exportedNames(file: string): Map<string, { file: string; name: string }> {
  const text = readFileSync(file, 'utf8')
  const names = new Map([...text.matchAll(DECLARATION)].map(([, name]) => [name, { file, name }]))
  const beside = (path: string) => exportedNames(join(dirname(file), path))
  for (const [, path] of text.matchAll(ALL)) for (const [name, place] of beside(path)) names.set(name, place)
  for (const [, list, path] of text.matchAll(LIST)) {
    const there = beside(path)
    for (const item of list.split(',').map((part) => part.trim())) {
      if (item === '') continue
      const [, name, alias = name] = ITEM.exec(item)!
      const place = there.get(name)
      if (place === undefined) throw new Error(`${file}: no ${name} in ${path}`)
      names.set(alias, place)
    }
  }
  return names
}

/** Whether a documentation comment stands right above the declaration; of a value and its type, which share a name, above one. */
export function isDocumented({ file, name }: { file: string; name: string }): boolean {
  const text = readFileSync(file, 'utf8')
  const declared = [...text.matchAll(DECLARATION)].filter((match) => match[1] === name)
  return declared.some(({ index }) => /\*\/\n(?:\/\/ biome-ignore[^\n]*\n)*$/.test(text.slice(0, index)))
}
