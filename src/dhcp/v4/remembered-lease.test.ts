import { describe, expect, test } from 'vitest'
import { Dhcpv4Exchange } from '../../../test/support/dhcpv4-exchange.ts'
import { Store } from '../../../test/support/lease-store.ts'
import { IpAddress } from '../../address/index.ts'
import { SECOND } from '../../clock/index.ts'
import { MessageType } from './codes.ts'

const ip = (text: string) => IpAddress.parse(text)
/** All that promises have to do. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('INIT-REBOOT and what is remembered', () => {
  async function remembered(options: ConstructorParameters<typeof Dhcpv4Exchange>[0] = {}) {
    const store = new Store()
    const first = new Dhcpv4Exchange({ store })
    first.client.start()
    await settle()
    first.bind()
    await settle()
    const exchange = new Dhcpv4Exchange({ store, ...options })
    exchange.client.start()
    await settle()
    return { store, exchange }
  }

  test('asks for the address at once (table 4), and has it', async () => {
    const { exchange, store } = await remembered()
    expect(exchange.kinds).toEqual(['request'])
    const { source, destination, message } = exchange.last
    expect([source, destination]).toEqual(['0.0.0.0', '255.255.255.255'])
    expect(message.clientAddress).toEqual(ip('0.0.0.0'))
    expect(message.options).toMatchObject({ requestedAddress: ip('10.0.0.50'), serverId: null })
    expect(exchange.client.state).toBe('rebooting')
    exchange.acknowledge({ serverId: ip('10.0.0.9') })
    expect(exchange.events).toEqual(['bound 10.0.0.50/24'])
    await settle()
    expect(store.text).toContain('10.0.0.9')
  })

  test('refused: a search at once, and nothing remembered', async () => {
    const { exchange, store } = await remembered()
    exchange.refuse()
    expect(exchange.kinds).toEqual(['request', 'discover'])
    expect(exchange.last.message.options.requestedAddress).toBe(null)
    await settle()
    expect(store.text).toBe('')
  })

  test('unanswered: a search after about twelve seconds, which wishes for it', async () => {
    const { exchange } = await remembered()
    expect(exchange.advance(11 * SECOND).slice(0, 1)).toEqual(['request'])
    exchange.advance(3 * SECOND)
    expect(exchange.last.message.options).toMatchObject({
      type: MessageType.Discover,
      requestedAddress: ip('10.0.0.50'),
    })
  })

  test('probed like a new one', async () => {
    const { exchange } = await remembered({ probes: true })
    exchange.acknowledge()
    exchange.answerProbe(false)
    expect(exchange.events).toEqual(['declined 10.0.0.50'])
  })

  test('a lease that ran out is a wish', async () => {
    const store = new Store('{"address":"10.0.0.50/24","server":"10.0.0.1","expires":1000}')
    const exchange = new Dhcpv4Exchange({ store })
    exchange.client.start()
    await settle()
    expect(exchange.last.message.options).toMatchObject({
      type: MessageType.Discover,
      requestedAddress: ip('10.0.0.50'),
    })
  })

  test.each([
    '',
    'garbage',
    '{}',
    '[]',
    'null',
    '{"address":"224.0.0.1/24","server":"10.0.0.1","expires":null}',
    '{"address":"fd00::1/64","server":"10.0.0.1","expires":null}',
    '{"address":"10.0.0.50/24","server":"127.0.0.1","expires":null}',
    '{"address":"10.0.0.50/24","server":"10.0.0.1","expires":"tomorrow"}',
    '{"address":"10.0.0.50/99","server":"10.0.0.1","expires":null}',
  ])('%j is nothing to remember', async (text) => {
    const exchange = new Dhcpv4Exchange({ store: new Store(text) })
    exchange.client.start()
    await settle()
    expect(exchange.last.message.options).toMatchObject({ type: MessageType.Discover, requestedAddress: null })
  })

  test('a store that fails is no obstacle', async () => {
    const fail = async () => {
      throw new Error('no disk')
    }
    const exchange = new Dhcpv4Exchange({ store: { load: fail, save: fail } })
    exchange.client.start()
    await settle()
    exchange.bind()
    await settle()
    expect(exchange.client.state).toBe('bound')
  })

  test('stopped while the store is read: nothing begins', async () => {
    const exchange = new Dhcpv4Exchange({ store: new Store() })
    exchange.client.start()
    exchange.client.stop()
    await settle()
    expect(exchange.sent).toEqual([])
  })

  test('a link that has changed: asks again, and goes on if nobody answers', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind()
    exchange.client.linkChanged()
    expect(exchange.last.message.options).toMatchObject({ requestedAddress: ip('10.0.0.50'), serverId: null })
    exchange.advance(14 * SECOND)
    expect(exchange.client.state).toBe('bound')
    exchange.client.linkChanged()
    exchange.refuse()
    expect(exchange.events.at(-1)).toBe('expired 10.0.0.50/24 refused')
    expect(exchange.client.state).toBe('selecting')
  })
})
