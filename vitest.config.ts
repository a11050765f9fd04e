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
            sequence: { groupOrder: 5 },
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
            testTimeout: 120_000,
            sequence: { groupOrder: 4 },
          },
        },
      ]

/** `npm run test:tun`: the behaviour suite once more. What is particular about a tun, `npm test` has in test/tun/tun.test.ts. */
const TUN = process.env.TAPSTACK_TUN === undefined ? ['test/tun/behaviour.test.ts'] : []

/** `npm run test:packet-socket`: the same over taps, and over the other interfaces with everything that they can be told. */
const TAPS = process.env.TAPSTACK_PACKET_SOCKET === undefined ? ['test/tap/behaviour.test.ts'] : []

/**
 * Files that have the machine for themselves, one at a time: floods at a given rate, transfers that a busy machine would make
 * lose packets or time, and what takes both processors anyhow.
 */
const ALONE = [
  'test/service/**/*.test.ts',
  'test/ipv6/attacks.test.ts',
  'test/tap/{ecn,path-mtu,traffic}.test.ts',
  'test/lifecycle/**/*.test.ts',
]

export default defineConfig({
  test: {
    reporters: ['default', new SkipReporter()],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        // Virtual time: as many at once as there are processors, and not one less, as vitest would have it.
        extends: true,
        test: { name: 'unit', include: ['src/**/*.test.ts'], maxWorkers: '100%', sequence: { groupOrder: 0 } },
      },
      {
        // Namespaces, devices, real time: much waiting. Each test has namespaces, ports and folders of its own.
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: ['test/trials/**', 'test/programs/**', 'test/qemu/**', ...TUN, ...TAPS, ...ALONE],
          pool: 'forks',
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ALONE,
          pool: 'forks',
          fileParallelism: false,
          sequence: { groupOrder: 2 },
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
          sequence: { groupOrder: 3 },
        },
      },
      ...PROGRAMS,
      ...QEMU,
    ],
  },
})
