import { defineConfig } from 'vitest/config'
import { SkipReporter } from './test/skip-reporter.ts'

/** `npm run test:qemu`: a virtual machine by software emulation, which takes its time. */
const QEMU =
  process.env.TAPSTACK_QEMU === undefined
    ? []
    : [
        {
          extends: true as const,
          test: {
            name: 'qemu',
            include: ['test/qemu/**/*.test.ts'],
            pool: 'forks' as const,
            fileParallelism: false,
            testTimeout: 120_000,
            hookTimeout: 180_000,
            sequence: { groupOrder: 4 },
          },
        },
      ]

/** `npm run test:programs`: real servers and clients, most of which `npm test` does not install. */
const PROGRAMS =
  process.env.TAPSTACK_PROGRAMS === undefined
    ? []
    : [
        {
          extends: true as const,
          test: {
            name: 'programs',
            include: ['test/programs/**/*.test.ts'],
            pool: 'forks' as const,
            fileParallelism: false,
            sequence: { groupOrder: 3 },
          },
        },
      ]

export default defineConfig({
  test: {
    reporters: ['default', new SkipReporter()],
    testTimeout: 30_000,
    projects: [
      {
        // Virtual time: as many at once as there are processors, and not one less, as vitest would have it.
        extends: true,
        test: { name: 'unit', include: ['src/**/*.test.ts'], maxWorkers: '100%', sequence: { groupOrder: 0 } },
      },
      {
        // Namespaces, devices, real time: one file at a time, each with the machine for itself.
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: ['test/trials/**', 'test/programs/**', 'test/qemu/**'],
          pool: 'forks',
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Virtual time, but much of it: whole campaigns of transfers.
        extends: true,
        test: {
          name: 'trials',
          include: ['test/trials/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: '100%',
          testTimeout: 600_000,
          sequence: { groupOrder: 2 },
        },
      },
      ...PROGRAMS,
      ...QEMU,
    ],
  },
})
