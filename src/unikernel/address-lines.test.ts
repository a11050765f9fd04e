import { networkInterfaces } from 'node:os'
import { expect, test, vi } from 'vitest'
import { SocketStack } from '../stack/index.ts'
import { showAddresses } from './address-lines.ts'
import { devices } from './devices/index.ts'
import type { MadeStack } from './made-devices.ts'

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  networkInterfaces: vi.fn(),
}))

test("a link-local address of the operating system's has its zone, each of them where several interfaces have it", async () => {
  const of = (address: string, length: number) => {
    const family = address.includes(':') ? 'IPv6' : 'IPv4'
    return { address, family, cidr: `${address}/${length}`, netmask: '', mac: '', internal: false, scopeid: 0 } as never
  }
  vi.mocked(networkInterfaces).mockReturnValue({
    lo: [of('127.0.0.1', 8)],
    eth0: [of('192.0.2.1', 24), of('fe80::1', 64), of('2001:db8::1', 64)],
    eth1: [of('fe80::1', 64), of('fe80::2', 64)],
  })
  const stack = new SocketStack()
  const lines: string[] = []
  const made = { stack, device: devices.stack(), values: { interface: 'tap0' } } as unknown as MadeStack
  showAddresses('web', [made], (line) => lines.push(line))
  expect(lines).toEqual(
    ['127.0.0.1', '192.0.2.1', 'fe80::1%eth0', 'fe80::1%eth1', '2001:db8::1', 'fe80::2%eth1'].map(
      (address) => `web answers on ${address}\n`,
    ),
  )
  await stack.close(0)
})
