/**
 * `npm run test:packetdrill`: runs all scripts with all sorts of checks and tells what is not as deviations.md has it. With
 * arguments (`-- --filter NAME --verbose`) it is the runner's own command line instead.
 */
import { deviations, isPresent, NOTICE, RUNS, runCommandLine, runScripts, surprises } from './judge.ts'

const parameters = process.argv.slice(2)
if (!isPresent) console.log(NOTICE)
else if (parameters.length > 0) process.exitCode = (await runCommandLine(parameters, 'inherit')).status
else {
  const expected = deviations().flatMap((section) => section.deviations)
  for (const run of RUNS) {
    const outcome = await runScripts(run)
    const lines = surprises(run, outcome, expected)
    const { passed, failures, skipped } = outcome
    console.log(`${run.name}: ${passed} passed, ${failures.size} failed (deviations.md says why), ${skipped} skipped`)
    for (const line of lines) console.log(`  ${line}`)
    if (lines.length > 0) process.exitCode = 1
  }
}
