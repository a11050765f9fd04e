import { expect, test } from 'vitest'
import { withTarget } from './tool.ts'

test.each([
  ['HOST -c 1', '--target HOST -c 1'],
  ['HOST', '--target HOST'],
  ['-c 1 HOST', '--target HOST -c 1'],
  ['-c 1 HOST --ipv4 10.0.0.2/24', '--target HOST -c 1 --ipv4 10.0.0.2/24'],
  ['-c1 HOST --ipv4 10.0.0.2/24', '--target HOST -c1 --ipv4 10.0.0.2/24'],
  ['--count=1 HOST --json', '--target HOST --count=1 --json'],
  ['--json HOST -c 1', '--target HOST --json -c 1'],
  // A switch of the boot arguments may have a value, and it stands last anyway.
  ['--ipv4-only HOST', '--target HOST --ipv4-only'],
  ['--target HOST -c 1', '--target HOST -c 1'],
  ['--target=HOST', '--target=HOST'],
  ['HOST OTHER', '--target HOST OTHER'],
  ['--help', '--help'],
  ['-c', '-c'],
  ['', ''],
])('%s', (written, meant) => {
  expect(withTarget(written.split(' ').filter(Boolean)).join(' ')).toBe(meant)
})
