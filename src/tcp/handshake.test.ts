import { describe, expect, test } from 'vitest'
import { script } from '../../test/support/scripted-peer.ts'
import { SECOND } from '../clock/index.ts'

describe('opening', () => {
  test('passive', () => {
    const { peer, server } = script()
    server.listen()
    peer.send({ flags: 'S', seq: 0, mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1, mss: 1460, windowScale: null, timestamp: null })
    peer.send({ flags: 'A', seq: 1, ack: 1 })
    expect(server.recorder.events).toEqual(['established'])
    peer.expectNothing(1 * SECOND)
  })
})
