/** Hosts on a virtual network in virtual time: everything from the frame to TCP, nothing from the operating system. */
import { SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import type { SystemErrorCode } from '../../src/errors/index.ts'
import { VirtualNetwork, type VirtualPortOptions } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import type { Acceptor, Connection, ConnectionUser, TcpSettings } from '../../src/tcp/index.ts'
import { captureOnFailure } from './capture-on-failure.ts'
import { VirtualHost } from './virtual-host.ts'

export { VirtualHost }

export class VirtualWorld {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly memory: PacketMemory
  readonly network: VirtualNetwork
  #hosts = 0

  constructor(seed = 1, memory: PacketMemory = new PacketMemory({ smallSlots: 4096, largeSlots: 256, debug: true })) {
    this.random = new SeededRandom(seed)
    this.memory = memory
    this.network = captureOnFailure(new VirtualNetwork({ clock: this.clock, random: this.random, memory }))
  }

  /** The next host: 10.0.0.1, 10.0.0.2, ... */
  host(link: VirtualPortOptions = {}, settings: Partial<TcpSettings> = {}): VirtualHost {
    this.#hosts++
    return new VirtualHost(this.network, this.clock, this.random, `10.0.0.${this.#hosts}/24`, link, settings)
  }

  /** The next host, of both families: 10.0.0.1 and fd00::1, ... (hexadecimal). */
  dualHost(link: VirtualPortOptions = {}, settings: Partial<TcpSettings> = {}): VirtualHost {
    const number = ++this.#hosts
    const [four, six] = [`10.0.0.${number}/24`, `fd00::${number.toString(16)}/64`]
    return new VirtualHost(this.network, this.clock, this.random, four, link, settings, six)
  }
}

/** A user that records what happens to its connection and reads everything, unless told not to. */
export class Recorder implements ConnectionUser {
  readonly events: string[] = []
  readonly received: Buffer[] = []
  reading = true
  ended = false
  isClosed = false
  error: SystemErrorCode | null = null
  whenReadable: ((connection: Connection) => void) | null = null
  whenWritable: ((connection: Connection) => void) | null = null

  get data(): Buffer {
    return Buffer.concat(this.received)
  }

  onEstablished(): void {
    this.events.push('established')
  }

  onReadable(connection: Connection): void {
    if (this.reading) this.readAll(connection)
    this.whenReadable?.(connection)
  }

  readAll(connection: Connection): void {
    for (;;) {
      const data = connection.read(1 << 20)
      if (data === null) break
      this.received.push(data)
    }
    if (connection.finReceived && !this.ended) {
      this.ended = true
      this.events.push('end')
    }
  }

  onWritable(connection: Connection): void {
    this.whenWritable?.(connection)
  }

  onFinished(): void {
    this.events.push('finished')
  }

  onClosed(_connection: Connection, error: SystemErrorCode | null): void {
    this.isClosed = true
    this.error = error
    this.events.push(error === null ? 'closed' : `closed ${error}`)
  }
}

/** Accepts everything and keeps it. */
export class Collector implements Acceptor {
  readonly connections: Connection[] = []
  readonly recorders: Recorder[] = []
  onAccept: ((connection: Connection, recorder: Recorder) => void) | null = null

  accept(connection: Connection): void {
    const recorder = new Recorder()
    connection.user = recorder
    this.connections.push(connection)
    this.recorders.push(recorder)
    this.onAccept?.(connection, recorder)
  }
}
