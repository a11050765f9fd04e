import { expect, test } from 'vitest'
import { between } from '../../../test/support/frames.ts'
import { TestNetif } from '../../../test/support/test-netif.ts'
import { SECOND, SeededRandom, VirtualClock } from '../../clock/index.ts'
import { SILENT } from '../../log/index.ts'
import { PacketMemory } from '../../packet/index.ts'
import { createStack } from '../create-stack.ts'

const OURS = { mac: '02:00:00:00:00:02', address: '10.0.0.2' }
const PEER = { mac: '02:00:00:00:00:01', address: '10.0.0.1' }

test('a datagram handler that fails for each of a flood is reported once a second', async () => {
  const clock = new VirtualClock()
  const netif = new TestNetif(new PacketMemory({ smallSlots: 256, largeSlots: 16 }), { mac: OURS.mac })
  const reports: Record<string, unknown>[] = []
  const error = (_message: string, fields: object = {}) => void reports.push({ ...fields })
  const stack = await createStack({ netif, clock, random: new SeededRandom(1), logs: () => ({ ...SILENT, error }) })
  const socket = await stack.udp({ port: 7 })
  // There is no way back to a stranger who claims to be from elsewhere.
  socket.onDatagram((data, from) => socket.send(data, from))
  const datagram = between(PEER, OURS).udp({ sourcePort: 5000, destinationPort: 7 }, 'echo?', { source: '192.0.2.9' })
  for (let i = 0; i < 1000; i++) netif.receive(datagram)
  expect(reports).toMatchObject([{ port: 7, error: { code: 'ENETUNREACH' } }])
  clock.advance(1 * SECOND)
  netif.receive(datagram)
  netif.receive(datagram)
  // What was not reported is counted.
  expect(reports).toMatchObject([{}, { port: 7, unreported: 999 }])
  const closing = stack.close(0)
  clock.advance(0)
  await closing
})
