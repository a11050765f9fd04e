import type { MacAddress } from '../address/index.ts'
import { type Clock, MILLISECOND, Timer, type TimerHandler } from '../clock/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import type { CaptureDirection } from './captured-frame.ts'
import type { PcapngWriter } from './pcapng-writer.ts'

/** How long a frame waits in the writer's buffer when somebody may be watching. */
const PATIENCE = 250 * MILLISECOND

/** Records the frames of one interface with the time of its clock. */
export class FrameRecorder implements TimerHandler {
  readonly #writer: PcapngWriter
  readonly #clock: Clock
  readonly #device: number
  readonly #timer = new Timer(this)

  constructor(
    writer: PcapngWriter,
    clock: Clock,
    device: { name: string; mac: MacAddress; description?: string; linkType?: number },
  ) {
    this.#writer = writer
    this.#clock = clock
    this.#device = writer.addInterface({ ...device, epoch: clock.epoch })
  }

  /**
   * Records the frame [start, end) as it is: a checksum that is left to the device is not completed, a frame that
   * stands for several segments is one frame, as in any capture on an interface with offload.
   */
  record(packet: PacketBuffer, direction: CaptureDirection, comment?: string): void {
    const now = this.#clock.now()
    this.#writer.write(this.#device, now, packet.memory.bytes, packet.start, packet.end, direction, comment)
    if (this.#writer.isLive && !this.#timer.armed) this.#clock.arm(this.#timer, now + PATIENCE)
  }

  onTimer(): void {
    this.#writer.flush()
  }

  /** No more frames will come; the writer stays open for others. */
  close(): void {
    this.#clock.disarm(this.#timer)
    this.#writer.flush()
  }
}
