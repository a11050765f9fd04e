// For tests: the packages that tapstack can use and does not depend on, `pcap` and `raw-socket`, in build/optional-packages. Their
// addons are compiled here, with the headers that came with Node, because their own install scripts may want to fetch some.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root, runQuietly, SetUpError, step } from './set-up.mjs'

const folder = join(root, 'build/optional-packages')
const stamp = join(folder, 'built-for')

/** They are written for the V8 of Node 20 and before. */
const NODE_MAJOR = '20'

const ADDONS = [
  { name: 'pcap', sources: ['pcap_binding.cc', 'pcap_session.cc'], output: 'pcap_binding', libraries: ['-lpcap'] },
  { name: 'raw-socket', sources: ['src/raw.cc'], output: 'raw', libraries: [] },
]

/** Does nothing where they are built already, or cannot work; a failure is told, and the tests that want them say so too. */
export function buildOptionalPackages() {
  const { peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const packages = ADDONS.map(({ name }) => `${name}@${peerDependencies[name]}`)
  const wanted = [...packages, process.versions.modules].join(' ')
  if (!process.versions.node.startsWith(`${NODE_MAJOR}.`)) return
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  try {
    step('Building optional packages', () => {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
      runQuietly('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', ...packages])
      for (const addon of ADDONS) compile(addon, nodeHeaders())
      writeFileSync(stamp, wanted)
    })
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error
    console.log(`${error.message}\nTests that need them are skipped.`)
  }
}

function compile({ name, sources, output, libraries }, headers) {
  const from = join(folder, 'node_modules', name)
  const nested = join(from, 'node_modules/nan')
  const nan = existsSync(nested) ? nested : join(folder, 'node_modules/nan')
  const target = join(from, 'build/Release')
  mkdirSync(target, { recursive: true })
  const [compiler, ...options] = (process.env.CXX ?? 'c++').trim().split(/\s+/)
  runQuietly(compiler, [
    ...options,
    ...['-std=gnu++17', '-O1', '-w', '-fPIC', '-shared', `-DNODE_GYP_MODULE_NAME=${output}`, '-I', headers, '-I', nan],
    ...['-o', join(target, `${output}.node`), ...sources.map((file) => join(from, file)), ...libraries],
  ])
}

/** Where node.h of the Node that runs this is: beside it, in what it was made for, or where npm was told. */
function nodeHeaders() {
  const prefixes = [
    join(dirname(process.execPath), '..'),
    process.config.variables.node_prefix,
    process.env.npm_config_nodedir,
  ]
  for (const prefix of prefixes) {
    const include = join(prefix ?? '/', 'include/node')
    const version = join(include, 'node_version.h')
    if (existsSync(version) && readFileSync(version, 'utf8').includes(`NODE_MAJOR_VERSION ${NODE_MAJOR}`))
      return include
  }
  throw new SetUpError('The headers of Node.js are not installed (on Debian: libnode-dev).')
}
