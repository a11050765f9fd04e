import { defineConfig } from 'vitest/config'
import { SkipReporter } from './test/skip-reporter.ts'

export default defineConfig({
  test: {
    reporters: ['default', new SkipReporter()],
    testTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['src/**/*.test.ts'], sequence: { groupOrder: 0 } },
      },
      {
        // Namespaces, devices, real time: one file at a time, each with the machine for itself.
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
