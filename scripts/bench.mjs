/** `npm run bench`: builds what is measured, then runs bench/run.ts with the same arguments. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const given = process.argv.slice(2)
const parameters = given.filter((each) => each !== '--no-build')

if (parameters.length === given.length && !given.includes('--help')) {
  // Standard output belongs to the tables, or to JSON that another program reads.
  const built = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (built.status !== 0) {
    process.stderr.write('bench: the build failed, so there is nothing to measure\n')
    process.exit(1)
  }
}

const bench = spawn(process.execPath, ['--import', 'tsx', 'bench/run.ts', ...parameters], {
  cwd: root,
  stdio: 'inherit',
})
// Ctrl-C reaches the child too: this process waits for it to remove its namespaces.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => bench.kill(signal))
bench.on('exit', (code, signal) => process.exit(signal === null ? code : 1))
