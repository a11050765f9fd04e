#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = new URL('../dist/cli/main.js', import.meta.url)
if (!existsSync(main)) {
  console.error(`tapstack: not built yet: run \`npm run build\` in ${fileURLToPath(new URL('..', import.meta.url))}`)
  process.exit(1)
}
const { main: run } = await import(main)
// At once: an application may leave something behind that would keep the process.
process.exit(await run(process.argv.slice(2)))
