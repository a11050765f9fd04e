import type { IpErrorKind } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'

/** Says that something could not be delivered; ICMP registers itself as this. */
export interface ErrorSender {
  /**
   * @param detail for PacketTooBig the MTU, for ParameterProblem where in the packet, for TimeExceeded the code of the
   *   message: 0 in transit, 1 in reassembly
   */
  sendError(kind: IpErrorKind, offending: PacketBuffer, detail: number): void
}
