import type { IpErrorKind } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import type { ParameterProblem } from './extension-headers.ts'

/**
 * Says that something could not be delivered or understood; ICMPv6 registers itself as this. Packets are borrowed, with
 * `network`, `end` and the address fields set.
 */
export interface ErrorSender {
  sendError(kind: IpErrorKind, offending: PacketBuffer): void
  /**
   * RFC 4443, section 3.4.
   * @param position of what is wrong, in packet memory
   * @param evenToGroup whether the error is sent also where the packet went to a group, section 2.4 (e.3)
   */
  sendParameterProblem(code: ParameterProblem, position: number, offending: PacketBuffer, evenToGroup: boolean): void
}
