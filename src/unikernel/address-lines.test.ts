import { networkInterfaces } from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { IpPrefix } from '../address/index.ts'
import { SocketStack } from '../stack/index.ts'
import { AddressLines } from './address-lines.ts'
import { devices } from './devices/index.ts'
import type { MadeStack } from './made-devices.ts'
import { TrackedStack } from './tracked-stack.ts'

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  networkInterfaces: vi.fn(),
}))

const madeOf = (stack: SocketStack): MadeStack =>
  ({ stack, tracked: new TrackedStack(stack), device: devices.stack(), values: { interface: 'tap0' } }) as never

afterEach(() => vi.useRealTimers())

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
  new AddressLines('web', [madeOf(stack)], (line) => lines.push(line)).started()
  expect(lines).toEqual(
    ['127.0.0.1', '192.0.2.1', 'fe80::1%eth0', 'fe80::1%eth1', '2001:db8::1', 'fe80::2%eth1'].map(
      (address) => `web answers on ${address}\n`,
    ),
  )
  await stack.close(0)
})

/** A stack with one address, and what is shown of it while time passes. */
function shown() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  vi.mocked(networkInterfaces).mockReturnValue({ lo: [] })
  const stack = new SocketStack()
  const address = vi.spyOn(stack, 'addresses', 'get').mockReturnValue([IpPrefix.parse('10.0.0.2/24')])
  const told = vi.spyOn(stack, 'onAddress').mockReturnValue()
  const made = madeOf(stack)
  const lines: string[] = []
  const shower = new AddressLines('web', [made], (line) => lines.push(line))
  expect(address).toHaveBeenCalled()
  const tell = (type: 'added' | 'removed', text: string) =>
    told.mock.calls[0]![0]({ type, prefix: IpPrefix.parse(text), interface: 'tap0' })
  return { stack: made.tracked, lines, shower, tell }
}

test('a line comes when the application listens, however long that takes', async () => {
  const { stack, lines, shower, tell } = shown()
  tell('added', 'fd00::2/64')
  tell('added', 'fd00::3/64')
  tell('removed', 'fd00::3/64')
  vi.advanceTimersByTime(1_500)
  expect(lines).toEqual([])
  const listener = await stack.listen({ address: '127.0.0.1', port: 0 }, () => {})
  vi.advanceTimersByTime(60)
  expect(lines).toEqual(['web answers on 10.0.0.2\n', 'web answers on fd00::2\n'])
  tell('removed', 'fd00::2/64')
  shower.started()
  expect(lines.slice(2)).toEqual(['web no longer answers on fd00::2\n'])
  expect(vi.getTimerCount()).toBe(0)
  await listener.close()
  await stack.close(0)
})

test('where nothing listens for two seconds the lines say so, and come again when something does', async () => {
  const { stack, lines, shower, tell } = shown()
  vi.advanceTimersByTime(2_100)
  tell('added', 'fd00::2/64')
  const noted = ['10.0.0.2', 'fd00::2'].map((address) => `web answers on ${address} (nothing listens yet)\n`)
  expect(lines).toEqual(noted)
  expect(vi.getTimerCount()).toBe(0)
  const udp = await stack.udp({ address: '127.0.0.1' })
  shower.started()
  expect(lines.slice(2)).toEqual(['web answers on 10.0.0.2\n', 'web answers on fd00::2\n'])
  await udp.close()
  await stack.close(0)
})

test('an application that has started and listens nowhere is shown as it is; one that has ended not at all', async () => {
  const client = shown()
  client.shower.started()
  expect(client.lines).toEqual(['web answers on 10.0.0.2\n'])
  const { lines, shower, stack } = shown()
  shower.end()
  vi.advanceTimersByTime(5_000)
  expect(lines).toEqual([])
  await Promise.all([stack.close(0), client.stack.close(0)])
})
