import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Compiles `bench/load/` into a folder of its own, which `remove` deletes. */
export function compileLoadGenerator(): { path: string; remove: () => void } {
  const sources = fileURLToPath(new URL('load/', import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-load-'))
  const path = join(folder, 'load')
  const files = readdirSync(sources).filter((name) => name.endsWith('.c'))
  try {
    execFileSync('cc', ['-std=gnu11', '-O2', '-Wall', '-o', path, ...files], { cwd: sources, stdio: 'inherit' })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`the load generator did not compile: ${(error as Error).message}`)
  }
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
