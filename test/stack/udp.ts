import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import { SystemError } from '../../src/errors/index.ts'
import type { Endpoint, UdpSocket } from '../../src/stack/index.ts'
import { pattern, rejection, until } from './flows.ts'
import type { Pair } from './pairs.ts'

export function udpBehaviour(pair: () => Pair): void {
  describe('UDP', () => {
    test('datagrams go both ways, with where they came from', async () => {
      const { server, client, serverAddress, clientAddress } = pair()
      const a = await server.udp()
      const b = await client.udp()
      expect(a.remote).toBeNull()
      expect(a.local.port).toBeGreaterThan(0)
      const atA = record(a)
      const atB = record(b)
      b.send('hello', { address: serverAddress, port: a.local.port })
      await until(() => atA.length === 1, 'the datagram')
      expect(atA[0]).toEqual({ text: 'hello', from: { address: clientAddress, port: b.local.port } })
      a.send(Buffer.from('hello yourself'), atA[0].from)
      await until(() => atB.length === 1, 'the answer')
      expect(atB[0]).toEqual({ text: 'hello yourself', from: { address: serverAddress, port: a.local.port } })
    })

    test('where a datagram was sent to is told, to who asks', async () => {
      const { server, client, serverAddress } = pair()
      const a = await server.udp({ address: serverAddress })
      const b = await client.udp()
      const sentTo: (string | null)[] = []
      a.onDatagram((_data, _from, to) => sentTo.push(to))
      b.send('hello', { address: serverAddress, port: a.local.port })
      await until(() => sentTo.length === 1, 'the datagram')
      expect(sentTo).toEqual([serverAddress])
    })

    test('sizes from 0 to the largest; the bytes may be changed after send', async () => {
      const { server, client, serverAddress, longestDatagram } = pair()
      const a = await server.udp()
      const b = await client.udp()
      const received: Buffer[] = []
      a.onDatagram((data) => received.push(Buffer.from(data)))
      for (const size of [0, 1, 512, 1472, longestDatagram]) {
        const data = pattern(size, size)
        const expected = Buffer.from(data)
        received.length = 0
        b.send(data, { address: serverAddress, port: a.local.port })
        data.fill(0)
        await until(() => received.length === 1, `a datagram of ${size} bytes`)
        expect(received[0].equals(expected)).toBe(true)
      }
    })

    test('more than the largest: EMSGSIZE', async () => {
      const { client, serverAddress, longestDatagram } = pair()
      const socket = await client.udp()
      const to = { address: serverAddress, port: 9 }
      expect(thrown(() => socket.send(Buffer.alloc(longestDatagram + 1), to))).toMatchObject({
        code: 'EMSGSIZE',
        syscall: 'send',
        errno: -constants.errno.EMSGSIZE,
        ...to,
      })
    })

    test('without a destination: EDESTADDRREQ', async () => {
      const socket = await pair().client.udp()
      const error = thrown(() => socket.send('x'))
      expect(error).toBeInstanceOf(SystemError)
      expect(error).toMatchObject({ code: 'EDESTADDRREQ', syscall: 'send' })
    })

    test('to everybody without permission: EACCES', async () => {
      const socket = await pair().client.udp()
      expect(thrown(() => socket.send('x', { address: '255.255.255.255', port: 9 }))).toMatchObject({ code: 'EACCES' })
    })

    test('a connected socket sends there, and hears only from there', async () => {
      const { server, client, serverAddress, clientAddress } = pair()
      const a = await server.udp()
      const stranger = await server.udp()
      const b = await client.udp({ remote: { address: serverAddress, port: a.local.port } })
      expect(b.remote).toEqual({ address: serverAddress, port: a.local.port })
      const atA = record(a)
      const atB = record(b)
      b.send('hi')
      await until(() => atA.length === 1, 'the datagram')
      const back = { address: clientAddress, port: b.local.port }
      expect(atA[0].from).toEqual(back)
      stranger.send('not for you', back)
      a.send('for you', back)
      await until(() => atB.length === 1, 'the answer')
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(atB.map((each) => each.text)).toEqual(['for you'])
      expect(thrown(() => b.send('x', { address: serverAddress, port: 9 }))).toMatchObject({ code: 'EISCONN' })
    })

    test('a handler that throws is reported, and the next datagram comes', async () => {
      const { server, client, serverAddress } = pair()
      const a = await server.udp()
      const b = await client.udp()
      const texts: string[] = []
      a.onDatagram((data) => {
        texts.push(Buffer.from(data).toString())
        throw new Error('a mistake of the application')
      })
      for (const text of ['first', 'second']) {
        b.send(text, { address: serverAddress, port: a.local.port })
        await until(() => texts.includes(text), text)
      }
    })

    test('nobody there: a connected socket is told ECONNREFUSED, and goes on', async () => {
      const { server, client, serverAddress } = pair()
      const gone = await server.udp()
      const { port } = gone.local
      await gone.close()
      const socket = await client.udp({ remote: { address: serverAddress, port } })
      const errors: Error[] = []
      socket.onError((error) => errors.push(error))
      socket.send('anybody?')
      await until(() => errors.length > 0, 'the error')
      expect(errors[0]).toBeInstanceOf(SystemError)
      expect(errors[0]).toMatchObject({ code: 'ECONNREFUSED', address: serverAddress, port })
      const back = await server.udp({ port })
      const received = record(back)
      await until(() => {
        socket.send('now?')
        return received.length > 0
      }, 'a datagram after the error')
    })

    test('nobody there: an unconnected socket is not told', async () => {
      const { server, client, serverAddress } = pair()
      const gone = await server.udp()
      const { port } = gone.local
      await gone.close()
      const socket = await client.udp()
      const errors: Error[] = []
      socket.onError((error) => errors.push(error))
      socket.send('anybody?', { address: serverAddress, port })
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(errors).toEqual([])
    })

    test('a port that is taken: EADDRINUSE; free again after close', async () => {
      const { server, serverAddress } = pair()
      const first = await server.udp({ address: serverAddress })
      const { port } = first.local
      expect(first.local.address).toBe(serverAddress)
      const error = await rejection(server.udp({ port, address: serverAddress }))
      expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', port })
      await first.close()
      await first.close()
      const again = await server.udp({ port, address: serverAddress })
      expect(again.local.port).toBe(port)
    })

    test("an address that is not the stack's: EADDRNOTAVAIL", async () => {
      const error = await rejection(pair().server.udp({ address: '198.51.100.1' }))
      expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'bind', address: '198.51.100.1' })
    })

    test('a closed socket neither sends nor receives', async () => {
      const { server, client, serverAddress } = pair()
      const a = await server.udp()
      const received = record(a)
      const b = await client.udp()
      await a.close()
      b.send('x', { address: serverAddress, port: a.local.port })
      expect(thrown(() => a.send('x', { address: serverAddress, port: 9 }))).toMatchObject({ code: 'EBADF' })
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(received).toEqual([])
    })

    test('a thousand datagrams of a burst, none changed', async () => {
      const { server, client, serverAddress } = pair()
      const a = await server.udp()
      const b = await client.udp()
      const received = record(a)
      const to = { address: serverAddress, port: a.local.port }
      // Until the neighbour's address is known, only a few datagrams wait for it.
      b.send('first of all', to)
      await until(() => received.length === 1, 'the first datagram')
      received.length = 0
      for (let i = 0; i < 1000; i++) {
        b.send(`datagram ${i}`, to)
        // Sockets buffer some hundred datagrams; what is beyond may be lost.
        if (i % 50 === 49) await until(() => received.length === i + 1, `datagram ${i}`)
      }
      expect(received.map((each) => each.text)).toEqual(Array.from({ length: 1000 }, (_, i) => `datagram ${i}`))
    })
  })
}

interface Datagram {
  text: string
  from: Endpoint
}

function record(socket: UdpSocket): Datagram[] {
  const received: Datagram[] = []
  socket.onDatagram((data, from) => received.push({ text: Buffer.from(data).toString(), from: { ...from } }))
  return received
}

function thrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return expect.unreachable('expected an error to be thrown')
}

/** Where the link has groups: the loopback has none of IPv6. */
export function groupBehaviour(pair: () => Pair): void {
  test('groups: joined, heard from the sources that one wants, and left', async () => {
    const { server, client, serverAddress, clientAddress } = pair()
    const isV6 = serverAddress.includes(':')
    const [address, groupAddress, other] = isV6
      ? ['::', 'ff15::7', 'ff15::8']
      : ['0.0.0.0', '239.192.0.7', '239.192.0.8']
    const stranger = isV6 ? '2001:db8::1' : '192.0.2.1'
    const listener = await server.udp({ address, ipv6Only: isV6 })
    const sender = await client.udp({ address, ipv6Only: isV6 })
    const got = record(listener)
    const own = record(sender)
    listener.setMulticastInterface(serverAddress)
    sender.setMulticastInterface(clientAddress)
    const group = { address: groupAddress, port: listener.local.port }
    listener.joinGroup(group.address)
    sender.send('first', group)
    await until(() => got.length === 1, 'the datagram')
    expect(got[0]).toEqual({ text: 'first', from: { address: clientAddress, port: sender.local.port } })
    expect(own).toEqual([])
    listener.setSourceFilter(group.address, { sources: [clientAddress, stranger] })
    sender.send('second', group)
    await until(() => got.length === 2, 'the datagram of a source that is wanted')
    listener.setSourceFilter(group.address, { sources: [stranger] })
    sender.send('third', group)
    sender.send('to one', { address: serverAddress, port: listener.local.port })
    await until(() => got.length === 3, 'the datagram that no filter is for')
    listener.leaveGroup(group.address)
    listener.joinGroup(group.address)
    sender.send('fourth', group)
    await until(() => got.length === 4, 'the datagram after joining again')
    expect(got.map(({ text }) => text)).toEqual(['first', 'second', 'to one', 'fourth'])
    expect(thrown(() => listener.joinGroup(group.address))).toMatchObject({ code: 'EADDRINUSE' })
    expect(thrown(() => listener.leaveGroup(other))).toMatchObject({ code: 'EADDRNOTAVAIL' })
  })
}
