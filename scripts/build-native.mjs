#!/usr/bin/env node
// Compiles native/ to build/Release/tapstack.node with nothing but a C compiler, unless a binary that loads is there
// already. Runs as the package's install script, and again whenever the sources have changed.
// $CC, $CFLAGS and $LDFLAGS are respected.
import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL('..', import.meta.url))
// Of native/, these are the addon; other programs there are built by whoever needs them.
const sources = [
  'by-name.c',
  'datagrams.c',
  'device.c',
  'interface.c',
  'iteration.c',
  'link.c',
  'module.c',
  'packet.c',
  'poll.c',
  'unix-datagram.c',
  'addon.h',
  'libuv.h',
].map((name) => join(root, 'native', name))
const output = join(root, 'build', 'Release')
const binary = join(output, 'tapstack.node')

if (process.platform !== 'linux') {
  console.log(`tapstack: tap devices need Linux; on ${process.platform} its native addon is not built.`)
} else {
  const present = resolveBinary()
  if (present === null || isStale(present) || !loads(present)) build()
}

/** The binary that node-gyp-build would load, or null. */
function resolveBinary() {
  try {
    return require('node-gyp-build').resolve(root)
  } catch {
    return null
  }
}

/** Whether it is one that we built and whose sources have changed since. */
function isStale(path) {
  if (path !== binary) return false
  const built = statSync(path).mtimeMs
  return sources.some((file) => statSync(file).mtimeMs > built)
}

/** Tried in a process of its own: this one may go on to replace the file. */
function loads(path) {
  return spawnSync(process.execPath, ['-e', 'require(process.argv[1])', path], { stdio: 'ignore' }).status === 0
}

function build() {
  const compiler = words(process.env.CC ?? 'cc')
  mkdirSync(output, { recursive: true })
  // Renamed into place: a process that has the old binary loaded keeps it, and none ever sees half a file.
  const unfinished = join(root, 'build', `tapstack-${process.pid}.node`)
  const result = spawnSync(
    compiler[0],
    [
      ...compiler.slice(1),
      ...['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fPIC', '-fvisibility=hidden', '-shared'],
      ...words(process.env.CFLAGS ?? ''),
      ...['-I', require('node-api-headers').include_dir],
      ...['-o', unfinished],
      ...sources.filter((file) => file.endsWith('.c')),
      ...words(process.env.LDFLAGS ?? ''),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  if (result.status === 0 && loads(unfinished)) {
    renameSync(unfinished, binary)
    return
  }
  rmSync(unfinished, { force: true })
  const why =
    result.error !== undefined
      ? `there is no C compiler (tried ${JSON.stringify(compiler[0])}; $CC names another)`
      : result.status === 0
        ? 'what the compiler made does not load'
        : 'the compiler failed, see above'
  console.error(
    `tapstack: its native addon could not be built: ${why}. Install a C compiler and the C library's headers ` +
      '(Debian, Ubuntu: apt install build-essential; Fedora: dnf install gcc glibc-devel; Alpine: apk add build-base ' +
      'linux-headers), then run: node scripts/build-native.mjs',
  )
  process.exitCode = 1
}

function words(text) {
  return text.split(/\s+/).filter((word) => word !== '')
}
