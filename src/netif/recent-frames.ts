import { FileSink, PcapngWriter } from '../capture/index.ts'
import type { Clock, Microseconds } from '../clock/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type PacketBuffer, SMALL_SLOT } from '../packet/index.ts'
import { captureLinkType } from './capture-link-type.ts'
import { type CopyBytes, copyBytes } from './copy-bytes.ts'
import type { Netif } from './netif.ts'
import { NetifWrapper } from './netif-wrapper.ts'

/** How many frames are kept in mind. */
export interface RecentFramesOptions {
  /** How many frames are kept, the latest; 8 to 65,536, default 512. Less where packet memory has no room for them. */
  frames?: number
}

/** Of each frame, in bytes: all headers, and the beginning of what they carry. */
const KEPT_BYTES = 256
const PER_SLOT = SMALL_SLOT / KEPT_BYTES

/**
 * The last frames of a network interface, both ways: always on, bounded, and written to a file when something went wrong.
 * `createStack({ recentFrames })` puts it in front of the interface.
 *
 * The frames lie in packet memory, where copying one costs neither an object nor a call out of the engine; the clock is read
 * once for each burst.
 */
export class RecentFrames {
  readonly #frames: number
  #netif: RecordedNetif | null = null

  /** @throws RangeError */
  constructor(options: RecentFramesOptions = {}) {
    this.#frames = integerInRange('frames', options.frames ?? 512, 8, 65_536)
  }

  /** An interface whose frames are kept from now on. One at a time. */
  watch(netif: Netif, clock: Clock): Netif {
    this.#netif = new RecordedNetif(netif, clock, this.#frames)
    return this.#netif
  }

  /** How many there are. */
  get length(): number {
    return this.#netif?.length ?? 0
  }

  /**
   * Writes them to a pcapng file, which is created or emptied: the first 256 bytes of each, the oldest first. At once, so that it
   * is done even if the process ends now.
   * @returns how many
   * @throws the errors of `open` and `write`
   */
  save(file: string): number {
    return this.#netif?.save(file) ?? 0
  }
}

class RecordedNetif extends NetifWrapper {
  readonly #clock: Clock
  readonly #bytes: Uint8Array
  readonly #copy: CopyBytes
  readonly #slots: PacketBuffer[] = []
  #entries: number
  /** Where in packet memory each entry lies. */
  readonly #positions: Int32Array
  readonly #times: Float64Array
  /** Twice the length of each frame, and one more for those that we sent. */
  readonly #lengths: Int32Array
  #next = 0
  #isFull = false
  #now: Microseconds = 0
  #isTimeKnown = false

  constructor(netif: Netif, clock: Clock, frames: number) {
    super(netif)
    this.#clock = clock
    this.#bytes = netif.memory.bytes
    this.#copy = copyBytes(netif.memory.wasm)
    // A small memory is for the stack, a sixteenth of it at most for us.
    const slots = Math.min(Math.ceil(frames / PER_SLOT), netif.memory.smallSlots >> 4)
    for (let i = 0; i < slots; i++) {
      const slot = netif.memory.takeSmall()
      if (slot === null) break
      this.#slots.push(slot)
    }
    this.#entries = Math.min(frames, this.#slots.length * PER_SLOT)
    this.#positions = Int32Array.from({ length: this.#entries }, (_, entry) => {
      const slot = this.#slots[Math.floor(entry / PER_SLOT)]
      return slot.base + (entry % PER_SLOT) * KEPT_BYTES
    })
    this.#times = new Float64Array(this.#entries)
    this.#lengths = new Int32Array(this.#entries)
  }

  get length(): number {
    return this.#isFull ? this.#entries : this.#next
  }

  #record(packet: PacketBuffer, outbound: number): void {
    const { start, end } = packet
    const entry = this.#next
    if (entry === this.#entries) return
    if (!this.#isTimeKnown) {
      this.#now = this.#clock.now()
      this.#isTimeKnown = true
    }
    packet.fill(KEPT_BYTES)
    const length = end - start
    this.#times[entry] = this.#now
    this.#lengths[entry] = (length << 1) | outbound
    this.#copy(this.#positions[entry], start, length > KEPT_BYTES ? KEPT_BYTES : length)
    if (entry + 1 === this.#entries) {
      this.#next = 0
      this.#isFull = true
    } else this.#next = entry + 1
  }

  save(file: string): number {
    const sink = new FileSink(file)
    const writer = new PcapngWriter(sink)
    const { name, mac } = this.netif
    const linkType = captureLinkType(this.netif)
    const device = writer.addInterface({ name, mac, linkType, epoch: this.#clock.epoch })
    const count = this.length
    for (let i = 0; i < count; i++) {
      const entry = (this.#next - count + i + this.#entries) % this.#entries
      const length = this.#lengths[entry] >>> 1
      const start = this.#positions[entry]
      const end = start + Math.min(length, KEPT_BYTES)
      const direction = (this.#lengths[entry] & 1) === 1 ? 'outbound' : 'inbound'
      writer.write(device, this.#times[entry], this.#bytes, start, end, direction, undefined, length)
    }
    writer.flush()
    if (sink.error !== null) throw sink.error
    // What a file can still say by closing it is in `error` already.
    void sink.close()
    return count
  }

  get gathers(): boolean {
    return this.netif.gathers === true
  }

  transmit(packet: PacketBuffer): void {
    this.#record(packet, 1)
    this.netif.transmit(packet)
  }

  flush(): void {
    this.#isTimeKnown = false
    this.netif.flush()
  }

  async close(): Promise<void> {
    this.#forget()
    await this.netif.close()
  }

  #forget(): void {
    this.#entries = this.#next = 0
    this.#isFull = false
    for (const slot of this.#slots.splice(0)) slot.release()
  }

  frame(packet: PacketBuffer): void {
    this.#record(packet, 0)
    this.receiver?.frame(packet)
  }

  endOfBurst(): void {
    this.receiver?.endOfBurst()
    this.#isTimeKnown = false
  }

  closed(error: Error | null): void {
    this.receiver?.closed(error)
  }
}
