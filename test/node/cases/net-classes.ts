/** What `net` exports besides sockets and servers: lists of addresses, addresses, tests of text, defaults of the process. */
import type { BlockList, Socket, SocketAddress } from 'node:net'
import { type Cases, event, SOCKET_EVENTS, type Surroundings, tick, watch } from '../behaviour.ts'
import { listening } from './net-opening.ts'

/** Writes down what `work` returns or throws. */
function outcome(on: Surroundings, work: () => unknown): void {
  try {
    on.log(work())
  } catch (error) {
    on.log('throws', error)
  }
}

/** A function that only newer versions of Node have. */
function method(object: object, name: string): ((...words: unknown[]) => unknown) | undefined {
  const found = (object as Record<string, unknown>)[name]
  return typeof found === 'function' ? found.bind(object) : undefined
}

const TEXTS = [
  '127.0.0.1',
  '::1',
  '::ffff:1.2.3.4',
  'fe80::1%eth0',
  '1.2.3',
  '1.2.3.4.5',
  '256.1.1.1',
  '01.2.3.4',
  '',
  ' 1.2.3.4',
  'x',
  ':::',
  '1::2::3',
  undefined,
  null,
  17,
  {},
]

export const classes: Cases = {
  async 'isIP, isIPv4, isIPv6'(on) {
    for (const text of TEXTS) {
      const each = text as string
      on.log(text, on.net.isIP(each), on.net.isIPv4(each), on.net.isIPv6(each))
    }
  },
  async 'names of the module'(on) {
    on.log(Object.keys(on.net).sort())
    for (const [name, value] of Object.entries(on.net))
      on.log(name, typeof value, (value as { length?: number }).length)
    on.log(
      on.net.connect === on.net.createConnection,
      (on.net as never as { Stream: unknown }).Stream === on.net.Socket,
    )
  },
  async 'names of sockets and servers'(on) {
    const names = (object: object) => Object.getOwnPropertyNames(object).sort()
    const socket = on.track(new on.net.Socket())
    const all = (object: object): string[] => {
      const found = new Set<string>()
      for (let each = object; each !== Object.prototype; each = Object.getPrototypeOf(each)) {
        for (const name of names(each)) found.add(name)
      }
      return [...found].sort()
    }
    on.log(all(socket))
    on.log(all(on.net.createServer()))
  },
  async 'BlockList: addresses, ranges, subnets'(on) {
    const list: BlockList = new on.net.BlockList()
    list.addAddress('10.0.0.1')
    list.addAddress('::7', 'ipv6')
    list.addRange('10.1.0.1', '10.1.0.9')
    list.addRange('::20', '::30', 'ipv6')
    list.addSubnet('10.2.0.0', 16)
    list.addSubnet('2001:db8::', 32, 'ipv6')
    on.log(list.rules)
    for (const address of ['10.0.0.1', '10.0.0.2', '10.1.0.5', '10.1.0.10', '10.2.255.255', '10.3.0.0']) {
      on.log(address, list.check(address), list.check(`::ffff:${address}`, 'ipv6'))
    }
    for (const address of ['::7', '::8', '::25', '::31', '2001:db8::1', '2001:db9::1']) {
      on.log(address, list.check(address, 'ipv6'))
    }
    const address = new on.net.SocketAddress({ address: '10.0.0.1' })
    on.log(list.check(address))
    list.addAddress(new on.net.SocketAddress({ address: '192.0.2.1' }))
    list.addRange(
      new on.net.SocketAddress({ address: '192.0.2.5' }),
      new on.net.SocketAddress({ address: '192.0.2.7' }),
    )
    list.addSubnet(new on.net.SocketAddress({ address: '198.51.100.0' }), 24)
    on.log(list.check('192.0.2.1'), list.check('192.0.2.6'), list.check('198.51.100.200'), list.check('192.0.2.8'))
  },
  async 'BlockList: what is wrong'(on) {
    const list = new on.net.BlockList()
    outcome(on, () => list.addAddress('x'))
    outcome(on, () => list.addAddress(1 as never))
    outcome(on, () => list.addAddress('::1', 'ipv4'))
    outcome(on, () => list.addAddress('::1', 'ipv7' as never))
    outcome(on, () => list.addRange('10.0.0.9', '10.0.0.1'))
    outcome(on, () => list.addSubnet('10.0.0.0', 33))
    outcome(on, () => list.addSubnet('10.0.0.0', -1))
    outcome(on, () => list.addSubnet('::', 129, 'ipv6'))
    outcome(on, () => list.check(1 as never))
    outcome(on, () => list.check('x'))
    on.log(list.rules)
  },
  async 'BlockList: as JSON and back, and what is one'(on) {
    const list = new on.net.BlockList()
    list.addSubnet('10.2.0.0', 16)
    const toJson = method(list, 'toJSON')
    const isBlockList = method(on.net.BlockList, 'isBlockList')
    on.log(toJson?.() ?? 'none', isBlockList?.(list), isBlockList?.({}))
    const copy = new on.net.BlockList()
    method(copy, 'fromJSON')?.(list.rules)
    on.log(copy.rules)
  },
  async 'SocketAddress: fields and defaults'(on) {
    const fields = ({ address, family, flowlabel, port }: SocketAddress) => [address, family, flowlabel, port]
    on.log(fields(new (on.net.SocketAddress as never as new () => SocketAddress)()))
    on.log(fields(new on.net.SocketAddress({ family: 'ipv6' })))
    on.log(fields(new on.net.SocketAddress({ address: '1.2.3.4', port: 80 })))
    on.log(fields(new on.net.SocketAddress({ address: '2001:DB8::1', family: 'ipv6', port: 443, flowlabel: 7 })))
    for (const options of [{ port: 65_536 }, { port: 'x' }, { address: 'x' }, { family: 'x' }, { flowlabel: -1 }, 1]) {
      outcome(on, () => fields(new on.net.SocketAddress(options as never)))
    }
  },
  async 'SocketAddress.parse'(on) {
    const parse = method(on.net.SocketAddress, 'parse')
    on.log(typeof parse)
    if (parse === undefined) return
    for (const text of ['1.2.3.4', '1.2.3.4:80', '[::1]', '[::1]:443', '::1', '1.2.3.4:99999', 'x', '']) {
      const parsed = parse(text) as SocketAddress | undefined
      on.log(text, parsed?.address, parsed?.family, parsed?.port)
    }
  },
  async 'defaults of autoSelectFamily'(on) {
    const { net } = on
    const [before, timeout] = [net.getDefaultAutoSelectFamily(), net.getDefaultAutoSelectFamilyAttemptTimeout()]
    on.log(before, timeout)
    outcome(on, () => net.setDefaultAutoSelectFamily(1 as never))
    outcome(on, () => net.setDefaultAutoSelectFamilyAttemptTimeout(-1))
    outcome(on, () => net.setDefaultAutoSelectFamilyAttemptTimeout('x' as never))
    outcome(on, () => net.setDefaultAutoSelectFamilyAttemptTimeout(1))
    on.log(net.getDefaultAutoSelectFamilyAttemptTimeout())
    net.setDefaultAutoSelectFamilyAttemptTimeout(timeout)
    net.setDefaultAutoSelectFamily(false)
    on.log(net.getDefaultAutoSelectFamily())
    const { port } = await listening(on, (socket) => socket.end())
    const client = on.track(
      net.connect({
        port,
        host: 'some.name',
        lookup: (_name: string, options: { all?: boolean }, callback: (...words: unknown[]) => void) => {
          on.log('all', options.all)
          callback(null, '127.0.0.1', 4)
        },
      } as never),
    )
    watch(on, 'client', client, SOCKET_EVENTS)
    client.resume()
    await event(client, 'close')
    net.setDefaultAutoSelectFamily(before)
  },
  async 'new Socket: options that are wrong'(on) {
    const ways: unknown[] = [
      { fd: -1 },
      { fd: 'x' },
      { objectMode: true },
      { readableObjectMode: true },
      { writableObjectMode: true },
      { onread: 1 },
      { signal: 1 },
      { highWaterMark: -1 },
      { keepAliveInitialDelay: 'x' },
      { blockList: {} },
      { typeOfService: 300 },
      null,
      undefined,
    ]
    for (const way of ways) outcome(on, () => on.track(new on.net.Socket(way as never)).readyState)
  },
  async 'new Socket: what it is before it is connected'(on) {
    const socket = on.track(new on.net.Socket())
    const { bytesRead, bytesWritten, connecting, pending, destroyed, readyState, timeout, allowHalfOpen } = socket
    on.log({ bytesRead, bytesWritten, connecting, pending, destroyed, readyState, timeout, allowHalfOpen })
    const { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily } = socket
    on.log({ remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily })
    on.log(socket.address(), socket.bufferSize, socket.readable, socket.writable, socket.writableLength)
    socket.on('error', (error) => on.log('error', error))
    socket.on('close', (hadError) => on.log('close', hadError))
    outcome(on, () => socket.write('x', (error) => on.log('written', error)))
    await tick()
    await tick()
  },
  async 'new Socket: end, destroy and reset of one that was never connected'(on) {
    for (const name of ['end', 'destroy', 'destroySoon', 'resetAndDestroy', 'resume', 'pause'] as const) {
      const socket = on.track(new on.net.Socket())
      watch(on, name, socket, SOCKET_EVENTS)
      outcome(on, () => (socket[name] as () => unknown)() === socket)
      await tick()
      await tick()
      on.log(socket.destroyed, socket.writableEnded, socket.readyState)
    }
  },
  async 'Socket as a function, and derived classes'(on) {
    class Counting extends on.net.Socket {
      count = 0
      override write(...words: unknown[]): boolean {
        this.count++
        return Reflect.apply(super.write as never, this, words)
      }
    }
    const { port } = await listening(on, (socket) => socket.pipe(socket))
    const socket = on.track(new Counting())
    socket.connect(port, '127.0.0.1')
    socket.write('a')
    socket.end('b')
    let text = ''
    socket.on('data', (data) => {
      text += data
    })
    await event(socket, 'close')
    on.log(text, socket.count, socket instanceof on.net.Socket, Object.prototype.toString.call(socket))
    const called = (on.net.Socket as unknown as (options: object) => Socket)({ allowHalfOpen: true })
    on.log(called.allowHalfOpen)
  },
  async 'connect: every way of calling it'(on) {
    const { port } = await listening(on, (socket) => socket.end('x'))
    const callback = () => on.log('callback')
    const ways: unknown[][] = [
      [port, '127.0.0.1'],
      [port, '127.0.0.1', callback],
      [String(port), '127.0.0.1', callback],
      [{ port, host: '127.0.0.1' }],
      [{ port, host: '127.0.0.1' }, callback],
      [{ port: String(port), host: '127.0.0.1', family: 4 }, callback],
    ]
    for (const create of [on.net.connect, on.net.createConnection] as unknown as ((...words: unknown[]) => Socket)[]) {
      for (const way of ways) {
        const socket = on.track(create(...way))
        socket.resume()
        await event(socket, 'close')
        on.log(socket.bytesRead)
      }
    }
    for (const way of ways) {
      const socket = on.track(new on.net.Socket())
      on.log((socket.connect as (...words: unknown[]) => Socket)(...way) === socket)
      socket.resume()
      await event(socket, 'close')
    }
  },
  async 'connect: what is wrong'(on) {
    const ways: unknown[][] = [
      [],
      [null],
      ['x', 1],
      [-1],
      [70_000],
      [{ port: 1, host: 7 }],
      [{ path: 7 }],
      [Number.NaN],
      [{}],
    ]
    ways.push([{ port: 1, family: 5, host: '127.0.0.1' }], [{ port: 1, localAddress: 7 }], [{ port: 1, hints: -1 }])
    ways.push([{ port: 1, autoSelectFamilyAttemptTimeout: 0 }], [{ port: 1, autoSelectFamily: 'x' }], [true])
    for (const way of ways) {
      outcome(on, () => {
        const socket = on.track((on.net.connect as unknown as (...words: unknown[]) => Socket)(...way))
        socket.on('error', (error) => on.log('error', error))
        socket.destroy()
        return 'no error'
      })
      await tick()
    }
  },
}
