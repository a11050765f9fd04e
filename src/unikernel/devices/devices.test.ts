import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
import { type Clock, HostClock, type Random, SeededRandom } from '../../clock/index.ts'
import { VirtualNetwork } from '../../netif/index.ts'
import '../../node/index.ts'
import { PacketMemory } from '../../packet/index.ts'
import { type CreateStackOptions, createStack, SocketStack, type Stack } from '../../stack/index.ts'
import { run } from '../run.ts'
import { type Unikernel, unikernel } from '../unikernel.ts'
import {
  type BlockDevice,
  device,
  devices,
  type HttpClient,
  type HttpHandler,
  type HttpServer,
  type KeyValueStore,
} from './index.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-devices-'))
  mkdirSync(join(folder, 'store/pages'), { recursive: true })
  writeFileSync(join(folder, 'secret'), 'outside')
  writeFileSync(join(folder, 'store/hello.txt'), 'hello world')
  writeFileSync(join(folder, 'store/pages/a'), 'a')
  symlinkSync(join(folder, 'secret'), join(folder, 'store/link'))
  writeFileSync(join(folder, 'disk.img'), Buffer.alloc(512 * 4 + 7, 1))
})

afterAll(() => rmSync(folder, { recursive: true }))

function runWith(application: Unikernel, ...argv: string[]) {
  return runOn(async () => new SocketStack({ address: '127.0.0.1' }), application, ...argv)
}

async function runOn(make: () => Promise<Stack>, application: Unikernel, ...argv: string[]) {
  let stdout = ''
  let stderr = ''
  const created: CreateStackOptions[] = []
  const closed: CreateStackOptions[] = []
  const code = await run(application, argv, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    environment: { TAPSTACK_LOGS_FORMAT: 'text' },
    sandboxInterface: null,
    createStack: async (options) => {
      created.push(options)
      const stack = await make()
      void stack.closed.then(() => closed.push(options))
      return stack
    },
  })
  return { code, stdout, stderr, created, closed }
}

test('what start gets has the types of what was declared, without a cast', async () => {
  const inside = devices.stack({ group: 'management' })
  const application = unikernel({
    name: 'trial',
    arguments: { port: { type: 'port', default: 80, doc: '' } },
    devices: {
      outside: devices.stack(),
      inside,
      clock: devices.clock(),
      random: devices.random(),
      assets: devices.keyValueStore({ argument: 'assets', folder: join(folder, 'store') }),
      disk: devices.block({ argument: 'disk', file: join(folder, 'disk.img') }),
      web: devices.httpServer({ stack: inside }),
      answer: device({ kind: 'answer', uses: { inside }, create: ({ uses }) => ({ of: uses.inside.kind, value: 42 }) }),
    },
    start({ outside, inside, clock, random, assets, disk, web, answer, arguments: { port } }) {
      expectTypeOf(outside).toEqualTypeOf<Stack>()
      expectTypeOf(inside).toEqualTypeOf<Stack>()
      expectTypeOf(clock).toEqualTypeOf<Clock>()
      expectTypeOf(random).toEqualTypeOf<Random>()
      expectTypeOf(assets).toEqualTypeOf<KeyValueStore>()
      expectTypeOf(disk).toEqualTypeOf<BlockDevice>()
      expectTypeOf(web).toEqualTypeOf<HttpServer>()
      expectTypeOf(answer).toEqualTypeOf<{ of: 'direct' | 'socket'; value: number }>()
      expectTypeOf(port).toEqualTypeOf<number>()
      expect(clock.now()).toBeGreaterThan(0)
      expect(answer).toEqual({ of: 'socket', value: 42 })
      return 7
    },
  })
  const { code, stderr } = await runWith(application, '--management-interface=tap1')
  expect(stderr).toBe('')
  expect(code).toBe(7)
})

describe('several stacks', () => {
  const application = unikernel({
    name: 'gateway',
    devices: {
      public: devices.stack({ group: 'public', defaults: { interface: 'tap5', ipv4: '10.1.0.2/24' } }),
      management: devices.stack({ group: 'management' }),
    },
    start: () => {},
  })

  test('each has its group of arguments, and its line for each address', async () => {
    const argv = ['--management-ipv4=10.2.0.9/24', '--management-interface', 'tap6', '--public-ipv4-gateway=10.1.0.1']
    const { code, created, closed, stdout } = await runWith(
      application,
      ...argv,
      '--no-public-accept-router-advertisement',
    )
    expect(code).toBe(0)
    expect(created).toMatchObject([
      { interface: 'tap5', ipv4: '10.1.0.2/24', ipv4Gateway: '10.1.0.1', acceptRouterAdvertisements: false },
      { interface: 'tap6', ipv4: '10.2.0.9/24' },
    ])
    expect(stdout).toBe('gateway answers on 127.0.0.1 (public)\ngateway answers on 127.0.0.1 (management)\n')
    expect(closed).toHaveLength(2)
  })

  test('complaints have the names of the group', async () => {
    expect(await runWith(application, '--ipv4=10.0.0.2/24')).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/^gateway: unknown argument --ipv4: did you mean --(public|management)-ipv4\? /),
    })
    expect(await runWith(application, '--public-ipv4-gateway=10.9.0.1')).toMatchObject({
      code: 64,
      stderr: 'gateway: --public-ipv4-gateway: expected another address in 10.1.0.0/24, not "10.9.0.1"\n',
    })
    expect(await runWith(application, '--management-interface=tap5')).toMatchObject({
      code: 64,
      stderr: 'gateway: --management-interface: expected another interface than that of --public-interface, tap5\n',
    })
  })

  test('a stack that cannot be made closes those before it', async () => {
    let closed = false
    let calls = 0
    const code = await run(application, [], {
      stdout: { write: () => {} },
      stderr: { write: () => {} },
      environment: {},
      createStack: async () => {
        if (calls++ > 0) throw new Error('no second one')
        const stack = new SocketStack()
        void stack.closed.then(() => {
          closed = true
        })
        return stack
      },
    })
    expect([code, closed]).toEqual([1, true])
  })

  test('an application may have no network at all', async () => {
    const alone = unikernel({ name: 'alone', devices: { clock: devices.clock() }, start: () => {} })
    const { code, created, stdout } = await runWith(alone)
    expect([code, created, stdout]).toEqual([0, [], ''])
    expect((await runWith(alone, '--ipv4=10.0.0.2/24')).code).toBe(64)
  })
})

test('devices of a kind are shared, made after what they use, and closed the other way round', async () => {
  const said: string[] = []
  const make = (kind: string, uses = {}) =>
    device({
      kind,
      uses,
      create: ({ onClose }) => {
        said.push(`make ${kind}`)
        onClose(() => said.push(`close ${kind}`))
        return kind
      },
    })
  const base = make('base')
  const left = make('left', { base })
  const right = make('right', { base })
  await runWith(unikernel({ name: 'trial', devices: { right, left }, start: () => void said.push('start') }))
  expect(said).toEqual(['make base', 'make right', 'make left', 'start', 'close left', 'close right', 'close base'])
})

test.each<[string, () => unknown, RegExp]>([
  [
    'what is no device',
    () => unikernel({ name: 'x', devices: { a: {} as never }, start() {} }),
    /declared as a is not a device/,
  ],
  ['a name that is taken', () => unikernel({ name: 'x', devices: { log: devices.clock() }, start() {} }), /called log/],
  [
    'two stacks without a group',
    () => unikernel({ name: 'x', devices: { a: devices.stack(), b: devices.stack() }, start() {} }),
    /--net is taken/,
  ],
  ['a group with a hyphen', () => devices.stack({ group: 'a-b' }), /camelCase/],
  ['a default of no argument', () => devices.stack({ defaults: { nothing: '' } as never }), /no argument "nothing"/],
  ['a sector of 100 bytes', () => devices.block({ argument: 'disk', sectorSize: 100 }), /power of two/],
])('%s is refused', (_what, declare, message) => {
  expect(declare).toThrow(message)
})

describe('key-value store', () => {
  async function withStore(use: (store: KeyValueStore) => Promise<void>, ...argv: string[]) {
    const store = devices.keyValueStore({ argument: 'assets', folder: join(folder, 'store') })
    return runWith(unikernel({ name: 'trial', devices: { store }, start: ({ store }) => use(store) }), ...argv)
  }

  test('values, parts of them, lists, and what is known of them', async () => {
    const { stderr } = await withStore(async (store) => {
      expect((await store.get('/hello.txt')).toString()).toBe('hello world')
      expect((await store.getPartial('hello.txt', 6, 100)).toString()).toBe('world')
      expect((await store.getPartial('hello.txt', 100, 1)).length).toBe(0)
      expect(await store.list('/')).toEqual([
        { name: 'hello.txt', kind: 'value' },
        { name: 'pages', kind: 'dictionary' },
      ])
      expect(await store.size('pages/a')).toBe(1)
      expect(await store.exists('pages')).toBe('dictionary')
      expect(await store.exists('pages/a/b')).toBeNull()
      expect(await store.digest('pages/a')).toBe('ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb')
      expect((await store.lastModified('hello.txt')).getTime()).toBeGreaterThan(0)
    })
    expect(stderr).toBe('')
  })

  test('nothing leads out of the folder', async () => {
    const { stderr } = await withStore(async (store) => {
      for (const key of ['../secret', '/pages/../../secret', 'link', 'a\0b']) {
        await expect(store.get(key)).rejects.toMatchObject({ code: 'EINVAL' })
      }
      await expect(store.get('nothing')).rejects.toMatchObject({ code: 'ENOENT' })
      await expect(store.get('pages')).rejects.toMatchObject({ code: 'EISDIR' })
      await expect(store.list('hello.txt')).rejects.toMatchObject({ code: 'ENOTDIR' })
    })
    expect(stderr).toBe('')
  })

  test('its folder is an argument', async () => {
    const use = async (store: KeyValueStore) => expect(await store.list('')).toEqual([{ name: 'a', kind: 'value' }])
    expect(await withStore(use, '--assets', join(folder, 'store/pages'))).toMatchObject({ code: 0, stderr: '' })
    expect(await withStore(use, '--assets', join(folder, 'none'))).toMatchObject({ code: 64 })
  })
})

test('a block device: whole sectors, within its bounds', async () => {
  const disk = devices.block({ argument: 'disk' })
  const again = devices.block({ argument: 'again', readOnly: true })
  const application = unikernel({
    name: 'trial',
    devices: { disk, again },
    async start({ disk, again }) {
      expect([disk.sectors, disk.sectorSize, disk.readOnly]).toEqual([4, 512, false])
      await disk.write(1, Buffer.alloc(1_024, 7))
      await disk.flush()
      expect((await again.read(0, 4)).subarray(511, 1_537)).toEqual(
        Buffer.concat([Buffer.from([1]), Buffer.alloc(1_024, 7), Buffer.from([1])]),
      )
      await expect(disk.read(3, 2)).rejects.toThrow(RangeError)
      await expect(disk.write(0, Buffer.alloc(100))).rejects.toThrow(RangeError)
      await expect(again.write(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'EROFS' })
    },
  })
  const image = join(folder, 'disk.img')
  expect(await runWith(application, '--disk', image, '--again', image)).toMatchObject({ code: 0, stderr: '' })
  expect(await runWith(application, '--disk', image)).toMatchObject({ code: 64 })
})

test('HTTP: a server, and a client that asks it by name', async () => {
  const stack = devices.stack()
  const application = unikernel({
    name: 'trial',
    devices: {
      server: devices.httpServer({ stack }),
      client: devices.httpClient({ stack }),
      resolver: devices.resolver({ stack }),
      happyEyeballs: devices.happyEyeballs({ stack }),
    },
    async start({ server, client, resolver, happyEyeballs }) {
      const { local, close } = await server.serve({ port: 0 }, (request, response) => {
        if (request.url === '/long') response.end(Buffer.alloc(100_000))
        else response.end(JSON.stringify({ host: request.headers.host }))
      })
      const url = `http://localhost:${local.port}`
      const answer = await client.request(url)
      expect([answer.status, answer.json()]).toEqual([200, { host: `localhost:${local.port}` }])
      await expect(client.request(`${url}/long`, { maximumBody: 1_000 })).rejects.toMatchObject({ code: 'EMSGSIZE' })
      await expect(client.request('ftp://localhost')).rejects.toThrow(TypeError)
      expect((await resolver.promises.lookup('localhost', { family: 4 })).address).toBe('127.0.0.1')
      expect((await happyEyeballs.resolve('localhost')).map(({ address }) => address)).toContain('127.0.0.1')
      const flow = await happyEyeballs.connect('localhost', local.port)
      flow.abort()
      await close()
    },
  })
  expect(await runWith(application)).toMatchObject({ code: 0, stderr: '' })
})

describe.each(['socket', 'direct'] as const)('an HTTP handler that fails costs its own request alone: %s', (kind) => {
  const stack = devices.stack()
  const host = kind === 'socket' ? '127.0.0.1' : '10.0.0.2'
  const make = async () => {
    if (kind === 'socket') return new SocketStack({ address: host })
    const clock = new HostClock()
    const memory = new PacketMemory({ smallSlots: 1024, largeSlots: 64 })
    const network = new VirtualNetwork({ clock, random: new SeededRandom(1), memory })
    const made = await createStack({ netif: network.port(), ipv4: `${host}/24`, ipv4Only: true, clock })
    void made.closed.then(() => clock.close())
    return made
  }

  /** What a client hears of `/first`, `/second` and so on, over one connection where that lasts. */
  async function served(handler: HttpHandler, ask: (url: string, client: HttpClient) => Promise<unknown>) {
    let heard: unknown
    const application = unikernel({
      name: 'trial',
      devices: { server: devices.httpServer({ stack }), client: devices.httpClient({ stack }) },
      async start({ server, client }) {
        const { local, close } = await server.serve({ port: 0 }, (request, response) =>
          request.url === '/fine' ? response.end('fine') : handler(request, response),
        )
        heard = await ask(`http://${host}:${local.port}`, client)
        // The others are served as before.
        expect((await client.request(`http://${host}:${local.port}/fine`)).text()).toBe('fine')
        await close()
      },
    })
    const { code, stderr } = await runOn(make, application)
    expect([code, stderr]).toEqual([0, expect.any(String)])
    return { heard, lines: stderr.split('\n').slice(0, -1) }
  }
  const line = (message: string) =>
    expect.stringMatching(new RegExp(`warn  trial: an HTTP handler failed error="${message} at .*" method=GET url=/x$`))
  const mistake = () => {
    throw new TypeError('a mistake')
  }

  test.each<[string, HttpHandler]>([
    ['throws', mistake],
    ['rejects', async () => mistake()],
    [
      'rejects later, its headers set',
      async (_request, response) => {
        response.setHeader('Content-Length', 5)
        response.statusMessage = 'Fine'
        await new Promise((resolve) => setTimeout(resolve, 5))
        mistake()
      },
    ],
  ])('%s: 500, and one line', async (_how, handler) => {
    const { heard, lines } = await served(handler, async (url, client) => {
      const { status, headers, body } = await client.request(`${url}/x`)
      return [status, headers['content-length'], body.length]
    })
    expect(heard).toEqual([500, '0', 0])
    expect(lines).toEqual([line('a mistake')])
  })

  test('after it has begun to answer: the connection is reset', async () => {
    const handler: HttpHandler = async (_request, response) => {
      response.write('some')
      await new Promise((resolve) => setTimeout(resolve, 20))
      mistake()
    }
    const { heard, lines } = await served(handler, (url, client) =>
      client.request(`${url}/x`).catch(({ code }) => code),
    )
    expect(heard).toBe('ECONNRESET')
    expect(lines).toEqual([line('a mistake')])
  })

  test('after its answer: that stays', async () => {
    const handler: HttpHandler = (_request, response) => {
      response.end('done')
      mistake()
    }
    const { heard, lines } = await served(handler, async (url, client) => (await client.request(`${url}/x`)).text())
    expect(heard).toBe('done')
    expect(lines).toEqual([line('a mistake')])
  })

  test('what it writes after the end', async () => {
    const handler: HttpHandler = (_request, response) => response.end('done') && response.write('more')
    const { heard, lines } = await served(handler, async (url, client) => (await client.request(`${url}/x`)).text())
    expect(heard).toBe('done')
    expect(lines).toEqual([expect.stringContaining('an HTTP handler failed error="write after end"')])
  })
})
