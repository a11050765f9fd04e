import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import { SystemError } from '../../src/errors/index.ts'
import { DirectStack, type Flow } from '../../src/stack/index.ts'
import { requires } from '../requirements.ts'
import { connected, connectTo, listenEcho, readAll, readExactly, rejection } from './flows.ts'
import type { Pair } from './pairs.ts'

export function connectionBehaviour(pair: () => Pair): void {
  describe('listening and connecting', () => {
    test('port 0 takes a free port, and both ends agree on the endpoints', async () => {
      const { client, server, listener } = await connected(pair())
      expect(listener.local.port).toBeGreaterThan(0)
      expect(client.remote).toEqual({ address: pair().serverAddress, port: listener.local.port })
      expect(client.local.address).toBe(pair().clientAddress)
      expect(server.local).toEqual(client.remote)
      expect(server.remote).toEqual(client.local)
    })

    test('two listeners on port 0 get different ports', async () => {
      const a = await pair().server.listen({ port: 0 }, () => {})
      const b = await pair().server.listen({ port: 0 }, () => {})
      expect(a.local.port).not.toBe(b.local.port)
    })

    test('a listener on one address answers there', async () => {
      const { server, serverAddress, client } = pair()
      const listener = await server.listen({ port: 0, address: serverAddress }, (flow) => flow.close())
      expect(listener.local.address).toBe(serverAddress)
      const flow = await client.connect({ address: serverAddress, port: listener.local.port })
      expect(await readAll(flow)).toHaveLength(0)
    })

    test('a listener on 0.0.0.0 is one of IPv4 alone', async () => {
      const { server, serverAddress, client } = pair()
      const listener = await server.listen({ port: 0, address: '0.0.0.0' }, (flow) => flow.close())
      expect(listener.local.address).toBe('0.0.0.0')
      const { port } = listener.local
      const attempt = client.connect({ address: serverAddress, port })
      if (serverAddress.includes(':')) expect(await rejection(attempt)).toMatchObject({ code: 'ECONNREFUSED' })
      else expect(await readAll(await attempt)).toHaveLength(0)
    })

    test('a port that is taken: EADDRINUSE', async () => {
      const { port } = (await pair().server.listen({ port: 0 }, () => {})).local
      const error = await rejection(pair().server.listen({ port }, () => {}))
      expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port })
      expect(error.errno).toBe(-constants.errno.EADDRINUSE)
    })

    test('listeners that all ask for reusePort share a port, where the system can', async () => {
      const { server, client, serverAddress } = pair()
      const answered: string[] = []
      const listen = (name: string, port: number) =>
        server.listen({ port, reusePort: true }, async (flow) => {
          answered.push(name)
          await flow.close()
        })
      const first = await listen('first', 0).catch((error: SystemError) => error)
      if (first instanceof SystemError) {
        // Node.js before 22.12, over the operating system's sockets.
        expect([first.code, server.kind]).toEqual(['ENOTSUP', 'socket'])
        return
      }
      const { port } = first.local
      const second = await listen('second', port)
      expect(second.local.port).toBe(port)
      expect(await rejection(server.listen({ port }, () => {}))).toMatchObject({ code: 'EADDRINUSE' })
      for (let i = 0; i < 40; i++) await readAll(await client.connect({ address: serverAddress, port }))
      expect(new Set(answered)).toEqual(new Set(['first', 'second']))
      await first.close()
      answered.length = 0
      for (let i = 0; i < 10; i++) await readAll(await client.connect({ address: serverAddress, port }))
      expect(answered).toEqual(new Array(10).fill('second'))
    })

    test('fast open changes nothing but the time that it takes, and a server that refuses is heard of', async () => {
      const { server, client, serverAddress } = pair()
      const listener = await server.listen({ port: 0, fastOpen: 16 }, async (flow) => {
        for await (const data of flow) await flow.write(data)
        await flow.close()
      })
      const options = { address: serverAddress, port: listener.local.port, fastOpen: true }
      for (let i = 0; i < 5; i++) {
        const flow = await client.connect(options)
        await flow.write(`request ${i}`)
        await flow.shutdown('write')
        expect((await readAll(flow)).toString()).toBe(`request ${i}`)
        await flow.close()
      }
      if (client instanceof DirectStack) {
        expect(client.tcp.counters).toMatchObject({ TCPFastOpenActive: 4, TCPFastOpenActiveFail: 0 })
      }
      await listener.close()
      const error = await client.connect(options).then(
        async (flow) => {
          await flow.write('too late')
          return rejection(readAll(flow))
        },
        (failure: Error) => failure,
      )
      expect(error).toMatchObject({ code: 'ECONNREFUSED' })
      await expect(server.listen({ port: 0, fastOpen: 65_536 }, () => {})).rejects.toThrow(RangeError)
    })

    test("an address that is not the stack's: EADDRNOTAVAIL", async () => {
      const error = await rejection(pair().server.listen({ port: 0, address: '198.51.100.1' }, () => {}))
      expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'listen', address: '198.51.100.1' })
    })

    test('after close the port is free and refuses, and open flows go on', async () => {
      const { client, server, listener } = await connected(pair())
      const { port } = listener.local
      await listener.close()
      await listener.close()
      expect(await rejection(connectTo(pair(), listener))).toMatchObject({ code: 'ECONNREFUSED' })
      await client.write('still there')
      expect((await readExactly(server, 11)).toString()).toBe('still there')
      client.abort()
      server.abort()
      const again = await pair().server.listen({ port: 0 }, () => {})
      await again.close()
      await using other = await pair().server.listen({ port, address: pair().serverAddress }, () => {})
      expect(other.local.port).toBe(port)
    })

    test('nobody listens: ECONNREFUSED, with all fields of a system error', async () => {
      const listener = await pair().server.listen({ port: 0 }, () => {})
      await listener.close()
      const { port } = listener.local
      const error = await rejection(connectTo(pair(), listener))
      expect(error).toBeInstanceOf(SystemError)
      expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: pair().serverAddress, port })
      expect(error.errno).toBe(-constants.errno.ECONNREFUSED)
      expect(error.message).toBe(`connect ECONNREFUSED ${pair().serverAddress}:${port}`)
    })

    test('no answer within the timeout: ETIMEDOUT', async () => {
      const endpoint = await pair().silentEndpoint()
      const started = performance.now()
      const error = await rejection(pair().client.connect({ ...endpoint, timeout: 150 }))
      expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', ...endpoint })
      expect(performance.now() - started).toBeGreaterThanOrEqual(140)
      expect(performance.now() - started).toBeLessThan(1500)
    })

    test('a signal that fires while connecting: AbortError with its reason', async () => {
      const endpoint = await pair().silentEndpoint()
      const controller = new AbortController()
      const attempt = rejection(pair().client.connect({ ...endpoint, signal: controller.signal }))
      const reason = new Error('changed my mind')
      setTimeout(() => controller.abort(reason), 50)
      expect(await attempt).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: reason })
    })

    test('a signal that has fired already, and one that fires later', async () => {
      const listener = await listenEcho(pair())
      const before = await rejection(connectTo(pair(), listener, { signal: AbortSignal.abort() }))
      expect(before).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' })
      const controller = new AbortController()
      const flow = await connectTo(pair(), listener, { signal: controller.signal })
      controller.abort()
      await flow.write('after')
      expect((await readExactly(flow, 5)).toString()).toBe('after')
    })

    test('local address and port as asked', async () => {
      const { clientAddress, client } = pair()
      const probe = await client.listen({ port: 0 }, () => {})
      const localPort = probe.local.port
      await probe.close()
      const { client: flow, server } = await connected(pair(), {
        localAddress: clientAddress,
        localPort,
        noDelay: true,
      })
      expect(flow.local).toEqual({ address: clientAddress, port: localPort })
      expect(server.remote).toEqual({ address: clientAddress, port: localPort })
    })

    test('what cannot be meant is refused by name', async () => {
      const { client, server, serverAddress } = pair()
      expect((await rejection(client.connect({ address: 'no name', port: 1 }))).message).toMatch(/address.*no name/)
      expect((await rejection(client.connect({ address: serverAddress, port: 0 }))).message).toMatch(/port.*0/)
      expect((await rejection(server.listen({ port: 65_536 }, () => {}))).message).toMatch(/port.*65536/)
      expect((await rejection(server.listen({ port: 0, backlog: 0 }, () => {}))).message).toMatch(/backlog.*0/)
      const truthy = 'yes' as unknown as boolean
      expect((await rejection(server.listen({ port: 0, reusePort: truthy }, () => {}))).message).toMatch(
        /reusePort.*yes/,
      )
      for (const name of ['fastOpen', 'noDelay'])
        expect((await rejection(client.connect({ address: serverAddress, port: 1, [name]: truthy }))).message).toMatch(
          `${name} is true or false, not yes`,
        )
    })

    test('a handler that throws, or rejects, ends its own flow only', async () => {
      const { server } = pair()
      let connections = 0
      const listener = await server.listen({ port: 0 }, (flow) => {
        connections++
        if (connections === 1) throw new Error('thrown by the test')
        if (connections === 2) return Promise.reject(new Error('rejected by the test'))
        return flow.write('fine')
      })
      for (let i = 0; i < 2; i++) {
        // The reset may come before the connecting side has seen that it is connected.
        const error = await rejection(connectTo(pair(), listener).then((flow) => flow.read()))
        expect(error).toMatchObject({ code: 'ECONNRESET' })
      }
      const flow = await connectTo(pair(), listener)
      expect((await readExactly(flow, 4)).toString()).toBe('fine')
    })

    test('500 connections at once, each served', async () => {
      const listener = await listenEcho(pair())
      const flows: Flow[] = await Promise.all(Array.from({ length: 500 }, () => connectTo(pair(), listener)))
      await Promise.all(
        flows.map(async (flow, i) => {
          await flow.write(`hello ${i}`)
          await flow.shutdown('write')
          expect((await readAll(flow)).toString()).toBe(`hello ${i}`)
        }),
      )
      await Promise.all(flows.map((flow) => flow.close()))
    })

    test('a short backlog delays connections, and loses none', async () => {
      const { server } = pair()
      const listener = await server.listen({ port: 0, backlog: 2 }, async (flow) => {
        for await (const data of flow) await flow.write(data)
        await flow.close()
      })
      // More than fit at once, and few enough for all to be there after the first retransmission, a second later.
      // Each has to send something: under SYN cookies Linux forgets a handshake whose last segment it dropped.
      const flows = await Promise.all(Array.from({ length: 5 }, () => connectTo(pair(), listener)))
      await Promise.all(
        flows.map(async (flow, i) => {
          await flow.write(`${i}`)
          await flow.shutdown('write')
          expect((await readAll(flow)).toString()).toBe(`${i}`)
        }),
      )
    })

    test('a stack reaches itself at its own address', async () => {
      const { server, serverAddress } = pair()
      const listener = await listenEcho(pair())
      const flow = await server.connect({ address: serverAddress, port: listener.local.port })
      await flow.write('to myself')
      await flow.shutdown('write')
      expect((await readAll(flow)).toString()).toBe('to myself')
    })

    test('it answers on the addresses that it shows, and to ping', async (context) => {
      const { server, client, serverAddress } = pair()
      if (client.kind === 'socket') requires(context, 'ping')
      expect(server.addresses.map((prefix) => prefix.address.toString())).toContain(serverAddress)
      const reply = await client.ping(serverAddress, { size: 100, timeout: 2000 })
      expect(reply).toMatchObject({ address: serverAddress, size: 100, hopLimit: 64 })
      expect(reply.roundTripMilliseconds).toBeGreaterThan(0)
      expect(reply.roundTripMilliseconds).toBeLessThan(2000)
    })
  })
}
