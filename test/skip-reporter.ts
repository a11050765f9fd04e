import type { Reporter, SerializedError, TestModule, TestRunEndReason, Vitest } from 'vitest/node'

/**
 * Lists each test that was skipped with its reason, says the sums in one last line, and where `CI=true` makes the run
 * fail if anything was skipped: a machine that cannot run a test is all right, a CI that does not run it is not.
 */
export class SkipReporter implements Reporter {
  #vitest: Vitest | null = null

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly SerializedError[],
    _reason: TestRunEndReason,
  ): void {
    // With -t, what does not match was left out by the person, not by the machine.
    const isFiltered = this.#vitest?.config.testNamePattern !== undefined
    let passed = 0
    let failed = unhandledErrors.length
    let skipped = 0
    const lines: string[] = []
    for (const module of modules) {
      // A file that could not be loaded has no tests that could fail.
      if (module.state() === 'failed') failed += Math.max(module.errors().length, 0)
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === 'passed') passed++
        else if (result.state === 'failed') failed++
        else {
          skipped++
          const reason = result.state === 'skipped' ? (result.note ?? 'no reason given') : 'not run'
          lines.push(`  ${module.relativeModuleId} > ${test.fullName}: ${reason}`)
        }
      }
    }
    if (lines.length > 0 && !isFiltered) {
      console.log(`Skipped:\n${lines.join('\n')}`)
      if (process.env.CI === 'true') {
        console.log('With CI=true a skipped test counts as a failure.')
        process.exitCode = 1
      }
    }
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  }
}
