import { FrameRecorder, type PcapngWriter } from '../capture/index.ts'
import type { Clock } from '../clock/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { captureLinkType } from './capture-link-type.ts'
import type { Netif } from './netif.ts'
import { NetifWrapper } from './netif-wrapper.ts'

/**
 * Any netif with both directions recorded; who does not wrap pays nothing.
 *
 * ```ts
 * const writer = new PcapngWriter(new FileSink('trace.pcapng'))
 * const netif = new CaptureNetif(tap, writer, clock)
 * ```
 *
 * Closing it closes the netif and flushes the writer, which stays open: it may record other interfaces too.
 */
export class CaptureNetif extends NetifWrapper {
  readonly #recorder: FrameRecorder

  constructor(netif: Netif, writer: PcapngWriter, clock: Clock) {
    super(netif)
    this.#recorder = new FrameRecorder(writer, clock, {
      name: netif.name,
      mac: netif.mac,
      linkType: captureLinkType(netif),
    })
  }

  transmit(packet: PacketBuffer): void {
    this.#recorder.record(packet, 'outbound')
    this.netif.transmit(packet)
  }

  flush(): void {
    this.netif.flush()
  }

  async close(): Promise<void> {
    try {
      await this.netif.close()
    } finally {
      this.#recorder.close()
    }
  }

  frame(packet: PacketBuffer): void {
    this.#recorder.record(packet, 'inbound')
    this.receiver?.frame(packet)
  }

  endOfBurst(): void {
    this.receiver?.endOfBurst()
  }

  closed(error: Error | null): void {
    this.#recorder.close()
    this.receiver?.closed(error)
  }
}
