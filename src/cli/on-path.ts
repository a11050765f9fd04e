import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { toolEnvironment } from './namespace.ts'

/** Where a program is found, also in the folders for administrators; null if it is not. */
export function onPath(program: string): string | null {
  for (const folder of program.includes('/') ? [''] : (toolEnvironment().PATH ?? '').split(delimiter)) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) return path
    } catch {
      // Not in this folder.
    }
  }
  return null
}
