#!/usr/bin/env node
// `npm start`: all set-up, then `tapstack demo` with the arguments given.
import { buildPingWhereMissing, runScript, setUp } from './set-up.mjs'

await runScript(async () => {
  setUp()
  buildPingWhereMissing()
  const { main } = await import('../dist/cli/main.js')
  return main(['demo', ...process.argv.slice(2)], 'npm start --')
})
