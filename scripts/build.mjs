#!/usr/bin/env node
// `npm run build`: dependencies, addon, WebAssembly, dist/.
import { runScript, setUp } from './set-up.mjs'

await runScript(() => {
  setUp()
  return 0
})
