/** Numbers of draft-ietf-opsawg-pcapng that reader and writer share. */

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d

/** Section 4, block types. */
export const Block = {
  SectionHeader: 0x0a0d0d0a,
  InterfaceDescription: 1,
  /** Obsolete, appendix A. */
  Packet: 2,
  SimplePacket: 3,
  EnhancedPacket: 6,
} as const

/** Options by the block that they belong to. */
export const Option = {
  End: 0,
  Comment: 1,
  SectionApplication: 4,
  InterfaceName: 2,
  InterfaceDescription: 3,
  InterfaceMac: 6,
  InterfaceTimestampResolution: 9,
  InterfaceTimestampOffset: 14,
  PacketFlags: 2,
} as const

/** Section 4.3.1, direction in the low two bits of a packet's flags. */
export const DIRECTION_MASK = 3
export const INBOUND = 1
export const OUTBOUND = 2
