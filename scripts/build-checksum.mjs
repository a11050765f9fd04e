#!/usr/bin/env node
// Assembles src/checksum/checksum.wat and embeds the WASM as base64 in src/checksum/checksum-wasm.generated.ts, so that
// the same import works from the sources and from dist/. Does nothing when that file is up to date.
import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('../src/checksum/checksum.wat', import.meta.url))
const target = fileURLToPath(new URL('../src/checksum/checksum-wasm.generated.ts', import.meta.url))

const text = readFileSync(source, 'utf8')
// The digest covers this script too: a change of the output's form counts as a change of its source.
const digest = createHash('sha256')
  .update(text)
  .update(readFileSync(fileURLToPath(import.meta.url)))
  .digest('hex')
const mark = `// sha256 ${digest}\n`

if (!isUpToDate()) {
  // Loaded only when needed: it is itself a large WASM module.
  const { default: loadWabt } = await import('wabt')
  const wabt = await loadWabt()
  const module = wabt.parseWat('checksum.wat', text, { simd: true })
  try {
    module.resolveNames()
    module.validate({ simd: true })
    const { buffer } = module.toBinary({})
    const base64 = Buffer.from(buffer).toString('base64')
    const lines = base64.match(/.{1,100}/g).map((line) => `  '${line}'`)
    const output = `${mark}// Made by scripts/build-checksum.mjs from checksum.wat; do not edit.\n/** The assembled module, ${buffer.length} bytes. */\nexport const checksumWasm =\n${lines.join(' +\n')}\n`
    // By way of a rename, so that another process never reads half a file.
    const temporary = `${target}.${process.pid}`
    writeFileSync(temporary, output)
    renameSync(temporary, target)
  } finally {
    module.destroy()
  }
}

function isUpToDate() {
  try {
    return readFileSync(target, 'utf8').startsWith(mark)
  } catch {
    return false
  }
}
