// `npm run test:packetdrill`: what it needs, then test/packetdrill/run.ts with the same arguments.
import { spawnSync } from 'node:child_process'
import { buildChecksum, installDependencies, root, runScript } from './set-up.mjs'

await runScript(async () => {
  installDependencies()
  buildChecksum()
  const run = ['--import', 'tsx', 'test/packetdrill/run.ts', ...process.argv.slice(2)]
  return spawnSync(process.execPath, run, { cwd: root, stdio: 'inherit' }).status ?? 1
})
