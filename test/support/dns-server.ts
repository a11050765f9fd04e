/** Name servers in virtual time whose every byte a test decides: the network of a `DnsClient`. */
import packet from 'dns-packet'
import { type Clock, MILLISECOND, Timer } from '../../src/clock/index.ts'
import type {
  DatagramHandler,
  DnsDatagrams,
  DnsServer,
  DnsStream,
  DnsTransport,
  StreamHandler,
} from '../../src/dns/index.ts'

// The types know no questions of some types, and not all of what is decoded.
// biome-ignore lint/suspicious/noExplicitAny: what the codec gives
export type Decoded = any

/** A query as a server sees it. */
export interface ReceivedQuery {
  readonly bytes: Buffer
  readonly id: number
  readonly name: string
  readonly type: string
  readonly edns: boolean
  /** Sends bytes back, after `delay` milliseconds. */
  send(bytes: Buffer, delay?: number): void
  /** Sends the answer to this query, with what differs from an empty one. */
  reply(parts?: Decoded, delay?: number): void
  /** As if nobody listened there: an ICMP error, or the end of the connection. */
  fail(): void
}

export type Behaviour = (query: ReceivedQuery) => void

export interface ScriptedServer {
  datagram?: Behaviour
  /** Without it, connections are refused. */
  stream?: Behaviour
}

/** An A record and the like. */
export function record(type: string, name: string, data: unknown, ttl = 300): Decoded {
  return { type, name, data, ttl, class: 'IN' }
}

export function soa(name: string, minimum = 60, ttl = 900): Decoded {
  const data = { mname: `ns.${name}`, rname: `admin.${name}`, serial: 1, refresh: 2, retry: 3, expire: 4, minimum }
  return record('SOA', name, data, ttl)
}

/** Bytes of the answer to a query. */
export function answerBytes(query: { id: number; name: string; type: string }, parts: Decoded = {}): Buffer {
  const { rcode = 0, flags = 0, ...rest } = parts
  return packet.encode({
    type: 'response',
    id: query.id,
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | flags | rcode,
    questions: [{ name: query.name, type: query.type }],
    ...rest,
  } as packet.Packet)
}

export class ScriptedNetwork implements DnsTransport {
  readonly servers = new Map<string, ScriptedServer>()
  /** Every query, with the server that it came to. */
  readonly log: { server: string; over: 'datagram' | 'stream'; name: string; type: string; id: number; at: number }[] =
    []
  openSockets = 0
  mostSockets = 0
  openStreams = 0
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A server that answers A questions with one address, and others with nothing. */
  plain(address: string, answer = '192.0.2.1', delay = 0): void {
    this.servers.set(address, {
      datagram: (query) => query.reply({ answers: query.type === 'A' ? [record('A', query.name, answer)] : [] }, delay),
    })
  }

  async datagrams(server: DnsServer, _local: string | null, handler: DatagramHandler): Promise<DnsDatagrams> {
    let open = true
    this.mostSockets = Math.max(this.mostSockets, ++this.openSockets)
    const deliver = (bytes: Buffer) => open && handler.datagram(bytes)
    return {
      send: (bytes) => this.#arrives(server, 'datagram', bytes, deliver, () => open && handler.failed()),
      close: () => {
        if (open) this.openSockets--
        open = false
      },
    }
  }

  async stream(server: DnsServer, _local: string | null, handler: StreamHandler): Promise<DnsStream> {
    if (this.servers.get(server.address)?.stream === undefined) throw new Error('refused')
    this.openStreams++
    let open = true
    const end = () => {
      if (!open) return
      open = false
      this.openStreams--
    }
    let rest = Buffer.alloc(0)
    const deliver = (bytes: Buffer) => {
      if (!open) return
      const framed = Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
      // In two pieces: nothing says that a message comes whole.
      handler.data(framed.subarray(0, 7))
      if (open) handler.data(framed.subarray(7))
    }
    return {
      write: (bytes) => {
        rest = Buffer.concat([rest, bytes])
        while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
          const message = Buffer.from(rest.subarray(2, 2 + rest.readUInt16BE(0)))
          rest = rest.subarray(2 + message.length)
          this.#arrives(server, 'stream', message, deliver, () => {
            if (!open) return
            end()
            handler.ended()
          })
        }
      },
      close: end,
    }
  }

  #arrives(
    server: DnsServer,
    over: 'datagram' | 'stream',
    bytes: Buffer,
    deliver: (bytes: Buffer) => void,
    fail: () => void,
  ): void {
    const decoded = packet.decode(bytes) as Decoded
    const { name, type } = decoded.questions[0]
    const query = { id: decoded.id as number, name, type }
    this.log.push({ server: server.address, over, at: this.#clock.now(), ...query })
    const after = (delay: number, what: () => void) => {
      this.#clock.arm(new Timer({ onTimer: what }), this.#clock.now() + delay * MILLISECOND)
    }
    const behaviour = this.servers.get(server.address)?.[over]
    behaviour?.({
      ...query,
      bytes,
      edns: decoded.additionals.some((each: Decoded) => each.type === 'OPT'),
      send: (answer, delay = 0) => after(delay, () => deliver(answer)),
      reply: (parts = {}, delay = 0) => after(delay, () => deliver(answerBytes(query, parts))),
      fail: () => after(0, fail),
    })
  }
}
