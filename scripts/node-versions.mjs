#!/usr/bin/env node
// `npm run test:node-versions`: the tests of Node's modules on each version of Node that is supported, which npm fetches.
// `npm run test:node-versions -- 22` takes one. A version takes one to three minutes.
import { spawnSync } from 'node:child_process'
import { root, runScript, setUp } from './set-up.mjs'

const VERSIONS = ['20', '22', '24']
/** Those that are too new to be supported, or to be had for every machine: tried where they install. */
const NEWER = ['26']
/** What depends on Node's own code. */
const TESTS = [
  'src/node',
  'src/dns/api',
  'src/stack/direct/connect-arguments.test.ts',
  'test/node',
  'test/dns/same-as-node.test.ts',
]

await runScript(() => {
  setUp()
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : [...VERSIONS, ...NEWER]
  const results = wanted.map((version) => {
    const began = performance.now()
    const result = tryVersion(version)
    return { version, result, seconds: Math.round((performance.now() - began) / 1000) }
  })
  for (const { version, result, seconds } of results) console.log(`Node.js ${version}: ${result}, ${seconds} s`)
  const isFine = ({ version, result }) => result === 'passed' || (result === 'not installed' && NEWER.includes(version))
  return results.every(isFine) ? 0 : 1
})

/**
 * @param {string} version what npm is asked for: `22`
 * @returns {'passed' | 'failed' | 'not installed'}
 */
function tryVersion(version) {
  const words = ['-y', '-p', `node@${version}`, 'node', '-p', 'process.execPath']
  const fetched = spawnSync('npx', words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (fetched.status !== 0) return 'not installed'
  const node = fetched.stdout.trim()
  console.log(`Node.js ${version}: ${node}`)
  const { status } = spawnSync(node, ['node_modules/vitest/vitest.mjs', 'run', ...TESTS], {
    cwd: root,
    stdio: 'inherit',
  })
  return status === 0 ? 'passed' : 'failed'
}
