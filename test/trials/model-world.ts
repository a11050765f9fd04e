/** Two stacks that do what a case says, beside a model of what must come of it: two streams of bytes and a few flags. */
import { IpAddress } from '../../src/address/index.ts'
import { MILLISECOND, type Microseconds, SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import type { SystemErrorCode } from '../../src/errors/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import type { Connection, ConnectionUser } from '../../src/tcp/index.ts'
import { VirtualHost } from '../support/virtual-host.ts'
import type { Action, Case, End } from './model-actions.ts'
import { StreamContents } from './random-transfer.ts'

/** Pulled cables and silence must not end a connection here: how long that takes is tested elsewhere. */
const USER_TIMEOUT = 3600 * SECOND
/** How long a well network may take for what is left; the retransmission timer may have backed off to two minutes. */
const REPAIR_TIME = 400 * SECOND
/** Linux and our default: how long FIN-WAIT-2 lasts when nobody reads any more. Closing later may meet a reset. */
const FIN_WAIT: Microseconds = 60 * SECOND
/** What a reset is called: as in Linux the latter in CLOSE-WAIT, where nothing more can be received. */
const BROKEN_OFF: readonly SystemErrorCode[] = ['ECONNRESET', 'EPIPE']

const contents = new StreamContents(new SeededRandom(1))

class ModelEnd implements ConnectionUser {
  readonly origin: number
  readonly host: VirtualHost
  connection: Connection | null = null
  /** The model: how much was written, how much the application has taken, and how it let go. */
  written = 0
  read = 0
  discards = false
  closedAt: Microseconds = Number.POSITIVE_INFINITY
  aborted = false
  shutAt: Microseconds = Number.POSITIVE_INFINITY
  /** What was seen. */
  keepsReading = false
  altered = false
  ended = false
  isClosed = false
  error: SystemErrorCode | null = null

  constructor(host: VirtualHost, origin: number) {
    this.host = host
    this.origin = origin
  }

  onEstablished(): void {}

  onReadable(): void {
    if (this.keepsReading) this.readAll()
  }

  readAll(): void {
    while (this.readOnce(65_536));
  }

  other: ModelEnd | null = null

  readOnce(most: number): boolean {
    if (this.connection === null || this.closedAt !== Number.POSITIVE_INFINITY) return false
    const data = this.connection.read(most)
    if (data === null) {
      if (this.connection.atEndOfStream) this.ended = true
      return false
    }
    if (this.other === null || !contents.matches(this.other.origin, this.read, data)) this.altered = true
    this.read += data.length
    if (this.connection.atEndOfStream) this.ended = true
    return true
  }

  onWritable(): void {}
  onFinished(): void {}

  onClosed(_connection: Connection, error: SystemErrorCode | null): void {
    this.isClosed = true
    this.error = error
  }
}

export class ModelWorld {
  readonly #clock = new VirtualClock()
  readonly #memory = new PacketMemory({ smallSlots: 2048, largeSlots: 32, debug: true })
  readonly #hosts: VirtualHost[]
  readonly #ends: ModelEnd[]
  readonly #timers: number

  constructor({ seed, settings }: Case) {
    const clock = this.#clock
    const random = new SeededRandom(seed)
    const network = new VirtualNetwork({ clock, random, memory: this.#memory })
    const overrides = { ...settings, userTimeout: USER_TIMEOUT, orphanRetries: 127 }
    const hosts = [
      new VirtualHost(network, clock, random, '10.0.0.1/24', {}, overrides),
      // All that goes wrong goes wrong here: a frame passes one bad link.
      new VirtualHost(network, clock, random, '10.0.0.2/24', { offload: false, latency: 10 * MILLISECOND }, overrides),
    ]
    for (const [a, b] of [hosts, [hosts[1], hosts[0]]]) {
      a.arp.addStatic(b.ipv4.addresses[0].address.word3, b.ethernet.mac)
    }
    clock.advance(10 * SECOND)
    this.#timers = clock.armedTimers
    this.#hosts = hosts
    const [client, server] = hosts.map((host) => new ModelEnd(host, random.below(1 << 20)))
    client.other = server
    server.other = client
    this.#ends = [client, server]
    hosts[1].tcp.listen(null, 80, 1, {
      accept: (connection) => {
        connection.user = server
        server.connection = connection
      },
    })
    client.connection = hosts[0].tcp.connect({ remote: IpAddress.parse('10.0.0.2'), port: 80, user: client })
    clock.advance(SECOND)
  }

  do(action: Action): void {
    const cable = this.#hosts[1].port
    switch (action.kind) {
      case 'wait':
        this.#clock.advance(action.milliseconds * MILLISECOND)
        return
      case 'cable':
        cable.up = action.up
        return
      case 'impair': {
        const { kind: _, reordering, ...link } = action
        cable.impair({ ...link, reordering: { probability: reordering, distance: [1, 5] } })
        return
      }
      default:
        this.#doAt(this.#ends[action.end], action)
    }
  }

  #doAt(end: ModelEnd, action: Extract<Action, { end: End }>): void {
    const connection = end.connection
    if (connection === null) throw new Error('the connection has not opened on a good link')
    const now = this.#clock.now()
    switch (action.kind) {
      case 'write':
        if (connection.canWrite) this.#write(end, connection, action.size, action.inPlace)
        return
      case 'read':
        end.readOnce(action.most)
        return
      case 'keepReading':
        end.keepsReading = action.on
        if (action.on) end.readAll()
        return
      case 'shutdown':
        end.shutAt = Math.min(end.shutAt, now)
        connection.shutdownWrite()
        return
      case 'discard':
        end.discards = true
        connection.discardReceived()
        return
      case 'close':
        this.#close(end, connection)
        return
      case 'abort':
        if (!end.isClosed) end.aborted = true
        connection.abort()
        return
      case 'mtu':
        end.host.ipv4.lowerMtu(connection.path, action.mtu)
    }
  }

  #write(end: ModelEnd, connection: Connection, size: number, inPlace: boolean): void {
    const data = contents.at(end.origin, end.written, size)
    end.written += size
    const packet = inPlace && this.#memory.freeLarge > 16 ? this.#memory.allocate(size) : null
    if (packet === null) {
      connection.write(data, null)
      return
    }
    const view = this.#memory.bytes.subarray(packet.start, packet.start + size)
    view.set(data)
    connection.write(view, packet)
  }

  #close(end: ModelEnd, connection: Connection): void {
    end.closedAt = Math.min(end.closedAt, this.#clock.now())
    end.shutAt = Math.min(end.shutAt, this.#clock.now())
    connection.release()
  }

  /** Lets everything come to its end. @returns what is not as the model says */
  finish(): string[] {
    const cable = this.#hosts[1].port
    cable.up = true
    const faults: string[] = []
    const whole = !this.#mayBreakOff()
    for (const end of this.#ends) {
      end.keepsReading = true
      end.readAll()
      end.connection?.shutdownWrite()
    }
    // What was held back goes over the network as it is now, and what is still left over a good one.
    this.#clock.advance(FIN_WAIT / 4)
    cable.impair({ latency: 10 * MILLISECOND })
    this.#clock.advance(REPAIR_TIME)
    this.#ends.forEach((end, i) => {
      const name = i === 0 ? 'client' : 'server'
      const { error, other } = end
      // By `abort`, or by closing with unread data.
      const brokeOff = end.aborted || end.closedAt !== Number.POSITIVE_INFINITY
      if (other === null) return
      if (end.altered) faults.push(`${name}: bytes differ`)
      if (end.read > other.written) faults.push(`${name}: read ${end.read} of ${other.written}`)
      if (whole) {
        if (!end.isClosed || error !== null) faults.push(`${name}: should have closed cleanly, not ${error}`)
        const reads = !end.discards && end.closedAt === Number.POSITIVE_INFINITY
        if (reads && (end.read !== other.written || !end.ended)) {
          faults.push(`${name}: read ${end.read} of ${other.written}, ended ${end.ended}`)
        }
      } else if (error !== null && !BROKEN_OFF.includes(error) && !(brokeOff && error === 'ECONNABORTED')) {
        faults.push(`${name}: closed with ${error}`)
      }
      // A reset may have been lost, and who waits for a FIN then waits as long as its application does.
      if (!end.isClosed) end.connection?.release()
    })
    this.#clock.advance(REPAIR_TIME)
    return [...faults, ...this.#remains()]
  }

  /** Whether someone broke off, so that the other may lose data or meet a reset. */
  #mayBreakOff(): boolean {
    return this.#ends.some((end) => {
      if (end.aborted || end.other === null) return true
      if (end.closedAt === Number.POSITIVE_INFINITY) {
        // Who discards and has shut down waits for the other's FIN only for so long.
        return end.discards && end.shutAt + FIN_WAIT / 4 < Math.min(end.other.shutAt, this.#clock.now())
      }
      // What was not read when it closed, or came after, is answered with a reset.
      if (end.read < end.other.written) return true
      return end.closedAt + FIN_WAIT / 4 < Math.min(end.other.shutAt, this.#clock.now())
    })
  }

  #remains(): string[] {
    const [client, server] = this.#hosts
    const left = {
      open: this.#ends.filter((end) => !end.isClosed).length,
      connections: client.tcp.connections + server.tcp.connections,
      timeWaits: client.tcp.timeWaits + server.tcp.timeWaits,
      unread: client.tcp.receiveBytes + server.tcp.receiveBytes,
      timers: this.#clock.armedTimers - this.#timers,
      packets: this.#memory.inUse,
    }
    const names = Object.entries(left).filter(([, count]) => count !== 0)
    return names.map(([name, count]) => `left: ${name} ${count}${name === 'packets' ? this.#memory.leaks()[0] : ''}`)
  }
}
