#!/usr/bin/env node
// `npm run test:node-versions`: the tests of Node's modules on each version of Node that is supported, which npm fetches.
// `npm run test:node-versions -- 22` takes one.
import { spawnSync } from 'node:child_process'
import { root, runScript, setUp } from './set-up.mjs'

const VERSIONS = ['20', '22', '24']

await runScript(() => {
  setUp()
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : VERSIONS
  const failed = wanted.filter((version) => !passes(version))
  if (failed.length > 0) console.error(`Failed: Node.js ${failed.join(', ')}`)
  return failed.length === 0 ? 0 : 1
})

/** @param {string} version what npm is asked for: `22` */
function passes(version) {
  const words = ['-y', '-p', `node@${version}`, 'node', '-p', 'process.execPath']
  const fetched = spawnSync('npx', words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (fetched.status !== 0) return false
  const node = fetched.stdout.trim()
  console.log(`Node.js ${version}: ${node}`)
  const tests = ['node_modules/vitest/vitest.mjs', 'run', 'src/node', 'test/node']
  return spawnSync(node, tests, { cwd: root, stdio: 'inherit' }).status === 0
}
