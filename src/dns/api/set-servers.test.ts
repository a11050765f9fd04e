/** `setServers` takes and refuses what that of Node does, which is asked the same; nothing is sent. */
import { Resolver } from 'node:dns'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededRandom, VirtualClock } from '../../clock/index.ts'
import { DnsClient } from '../client.ts'
import { ResolverCore } from './resolver-core.ts'

interface ServerHolder {
  setServers(servers: unknown): void
  getServers(): string[]
}

const BEFORE = ['192.0.2.9:99']

function ours(): ServerHolder {
  const unused = () => {
    throw new Error('nothing is asked here')
  }
  const transport = { datagrams: unused, stream: unused }
  const client = new DnsClient({ transport, clock: new VirtualClock(), random: new SeededRandom(1) })
  return new ResolverCore(client, unused)
}

/** The list afterwards, or the error and the list that is as it was. */
function outcome(holder: ServerHolder, servers: unknown): unknown {
  holder.setServers(BEFORE)
  try {
    return [holder.setServers(servers), holder.getServers()]
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException
    return [name, code, message, (error as Error).constructor.name, holder.getServers()]
  }
}

function expectAsNode(servers: unknown): void {
  const node = outcome(new Resolver() as unknown as ServerHolder, servers)
  expect(outcome(ours(), servers), JSON.stringify(servers)).toEqual(node)
}

test.each([
  ['nothing', undefined],
  ['null', null],
  ['a number', 5],
  ['a text', '192.0.2.1'],
  ['an object', { 0: '192.0.2.1', length: 1 }],
  ['a set', new Set(['192.0.2.1'])],
  ['bytes', new Uint8Array(2)],
  ['a list of a number', [5]],
  ['a list of null', ['192.0.2.1', null]],
  ['a list of a list', [['192.0.2.1']]],
  ['a list of a text as an object', [new String('192.0.2.1')]],
  ['an empty list', []],
  // biome-ignore lint/suspicious/noSparseArray: that is the question
  ['a list with a hole', [, '192.0.2.1']],
  ['a frozen list', Object.freeze(['192.0.2.1'])],
  ['a server after one that is none', ['x', '192.0.2.1']],
  ['one that is none after a server', ['192.0.2.1', 'x']],
  ['a server twice', ['192.0.2.1', '192.0.2.2', '192.0.2.1:53', '[192.0.2.2]:5353']],
])('a list that is one, or is none: %s', (_, servers) => {
  expectAsNode(servers)
})

describe('a server', () => {
  test.each([
    // IPv4
    ...['192.0.2.1', '0.0.0.0', '255.255.255.255', '224.0.0.1'],
    ...['192.0.2', '127.1', '01.2.3.4', '0x7f.0.0.1', '256.0.0.1', '192.0.2.1/24', '١.2.3.4'],
    ...[' 192.0.2.1', '192.0.2.1 ', '192.0.2.1\n', '192.0.2.1\0', '192.0.2.1%lo', '192.0.2.1%lo:5'],
    // IPv6, in any notation
    ...['::', '::1', 'FD00::A', 'fd00:0:0:1::1', '0:0:0:0:0:0:0:1', '2001:db8:0:0:1:0:0:1', '64:ff9b::192.0.2.1'],
    ...['fd00:::1', 'fd00::1::1', 'fd00::g', 'fe80::1%'],
    // with a port
    ...['192.0.2.1:53', '192.0.2.1:5353', '192.0.2.1:65535', '192.0.2.1:053', '192.0.2.1:000053'],
    ...['192.0.2.1:', '192.0.2.1:x', '192.0.2.1: 53', '192.0.2.1:-1', '192.0.2.1:1e2', '192.0.2.1:0x35'],
    ...['192.0.2.1:5:6', '192.0.2.1:53\n', 'fd00::1:65535'],
    // in brackets, behind which Node looks for a port and for nothing else
    ...['[::1]', '[::1]:53', '[::1]:5353', '[::1]:0', '[::1]:00', '[192.0.2.1]', '[192.0.2.1]:5353', '[192.0.2.1]:0'],
    ...[
      '[192.0.2.1]:',
      '[192.0.2.1]x',
      '[192.0.2.1]:x',
      '[::1]:53x',
      '[::1]:-1',
      '[::1]:1e2',
      '[::1]x:99',
      '[::1] :99',
    ],
    ...['[::1]\n:99', '[::1]]:53', '[[::1]]:53', '[::1', '::1]', '::1]:53', '[192.0.2.1', '192.0.2.1]', '192.0.2.1]:5'],
    ...['[]', '[]:53', '[x]', '[x]:53', ' [::1]', 'x[::1]'],
    // no address
    ...['', ':', ':53', 'x', 'x:53', 'dns.example', 'dns.example:53', 'http:192.0.2.1', '192.0.2.1!dns.example'],
  ])('%j', (server) => {
    expectAsNode([server])
  })

  test('of any pieces', () => {
    const pieces = [
      '192.0.2.1',
      'fd00::1',
      '::',
      '[',
      ']',
      ':',
      '53',
      '5353',
      'x',
      ' ',
      '%',
      '.',
      '1',
      '\n',
      'fd00',
      '/',
    ]
    const text = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 6 }).map((each) => each.join(''))
    fc.assert(
      fc.property(text, (server) => {
        // These would end the process: versions before 24 do not check ports.
        const port = Number(/:(\d+)$/.exec(server)?.[1] ?? 1)
        fc.pre((port > 0 && port < 65_536) || /^\[[^[\]]*\]:0+$/.test(server))
        // Written in another way; see below.
        fc.pre(!/%|^\[?::[\d.:]+|ffff/.test(server) || server.startsWith('[::1]'))
        expectAsNode([server])
      }),
      { numRuns: 500, seed: 7 },
    )
  })
})

describe('where we say more than Node', () => {
  test.each([
    // A link-local address is none without its zone: Node loses that.
    ['fe80::1%tap0', 'fe80::1%tap0', 'fe80::1'],
    ['[fe80::1%tap0]:5353', '[fe80::1%tap0]:5353', '[fe80::1]:5353'],
    // It is reached over IPv4.
    ['::ffff:192.0.2.1', '192.0.2.1', '::ffff:192.0.2.1'],
    // RFC 5952, section 5, has the mixed notation for known prefixes only.
    ['::192.0.2.1', '::c000:201', '::192.0.2.1'],
  ])('%s', (server, written, byNode) => {
    const [holder, node] = [ours(), new Resolver()]
    for (const each of [holder, node]) each.setServers([server])
    expect([holder.getServers(), node.getServers()]).toEqual([[written], [byNode]])
  })

  test.each([
    ['udp:192.0.2.1', '192.0.2.1'],
    ['TCP:[fd00::1]:54', 'tcp:[fd00::1]:54'],
    ['tls:192.0.2.1!dns.example', 'tls:192.0.2.1!dns.example'],
  ])('a protocol, as MirageOS has it: %s', (server, written) => {
    expect(outcome(ours(), [server])).toEqual([undefined, [written]])
    expect(outcome(new Resolver() as unknown as ServerHolder, [server])).toContain('ERR_INVALID_IP_ADDRESS')
  })

  test.each([
    ['a port of 0 is the usual one, which ends the process in Node 20', '192.0.2.1:0', ['192.0.2.1']],
    ['a port of 0 in brackets', '[fd00::1]:0', ['fd00::1']],
  ])('%s', (_, server, servers) => {
    expect(outcome(ours(), [server])).toEqual([undefined, servers])
  })

  test.each(['192.0.2.1:65536', '[192.0.2.1]:65536', '[fd00::1]x:99999999999999999999'])(
    'a port beyond all is refused, as by Node from 24 on: %s',
    (server) => {
      expect(outcome(ours(), [server])).toEqual(
        expect.arrayContaining(['RangeError', 'ERR_SOCKET_BAD_PORT', expect.arrayContaining(BEFORE)]),
      )
    },
  )

  test.each(['tcp:', 'tcp:x', 'tls:192.0.2.1!', 'udp:192.0.2.1:0', 'tcp:192.0.2.1:65536', 'udp:tcp:192.0.2.1'])(
    'a protocol before what is no server: %s',
    (server) => {
      expect(outcome(ours(), [server])).toEqual([
        'TypeError',
        'ERR_INVALID_IP_ADDRESS',
        `Invalid IP address: ${server}`,
        'TypeError',
        BEFORE,
      ])
    },
  )
})
