#!/usr/bin/env node
// `npm start`: all set-up, then `tapstack demo` with the arguments given. package.json says `exec`, because a shell in
// between would end with a signal at Ctrl-C, and npm with it, where we end with exit code 0.
import { buildPingWhereMissing, runScript, setUp } from './set-up.mjs'

await runScript(async () => {
  setUp()
  buildPingWhereMissing()
  const { main } = await import('../dist/cli/main.js')
  return main(['demo', ...process.argv.slice(2)], 'npm start --')
})
