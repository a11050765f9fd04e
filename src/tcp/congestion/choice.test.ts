/** Which congestion control a connection gets: the stack's, or that of its listener or its own. */
import { describe, expect, test } from 'vitest'
import { pattern, script } from '../../../test/support/scripted-peer.ts'
import type { CongestionControlName } from './index.ts'

describe('the congestion control', () => {
  test('is the one of the settings', () => {
    const { wire, server } = script({ settings: { congestionControl: 'bbr' } })
    const other = wire.peer({ port: 80, stackPort: 0 })
    const { connection } = server.connect()
    other.take()
    other.send({ flags: 'SA' })
    connection.write(pattern(10), null)
    expect(connection.recovery?.congestion.name).toBe('bbr')
    expect(connection.info().ca_name).toBe('bbr')
  })

  test('of a connection that we open may be another', () => {
    const { wire, server } = script()
    const other = wire.peer({ port: 80, stackPort: 0 })
    const { connection } = server.connect({ congestionControl: 'newreno' })
    expect(connection.info().ca_name).toBe('newreno')
    other.take()
    other.send({ flags: 'SA' })
    connection.write(pattern(10), null)
    expect(connection.recovery?.congestion.name).toBe('newreno')
  })

  test('of those of a listener, too, with and without a cookie', () => {
    const { wire, server, peer, host } = script()
    host.tcp.listen(null, 80, 1, server, { congestionControl: 'bbr' })
    const crowd = wire.peer({ port: 4001 })
    peer.send({ flags: 'S', seq: 0 })
    peer.take()
    // The queue is full: a cookie.
    crowd.send({ flags: 'S', seq: 0 })
    expect(host.tcp.counters.SyncookiesSent).toBe(1)
    for (const one of [peer, crowd]) {
      one.take()
      one.send({})
      const { connection } = server
      connection.write(pattern(10), null)
      expect(connection.recovery?.congestion.name).toBe('bbr')
    }
    expect(host.tcp.counters.SyncookiesRecv).toBe(1)
  })

  test.each(['vegas', 'constructor', 1, null])('%s is refused by name', (name) => {
    const { server, host } = script()
    const congestionControl = name as CongestionControlName
    const refused = `congestionControl is one of cubic, newreno, bbr, not ${name}`
    expect(() => server.connect({ congestionControl })).toThrow(refused)
    expect(() => host.tcp.listen(null, 80, 1, server, { congestionControl })).toThrow(refused)
    expect(host.tcp.connections).toBe(0)
  })
})
