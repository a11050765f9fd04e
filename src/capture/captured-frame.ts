import type { MacAddress } from '../address/index.ts'

/** As seen from the interface: inbound was received by it. Null where the file does not say. */
export type CaptureDirection = 'inbound' | 'outbound'

/** The link type of Ethernet in the tcpdump.org list that both formats use. */
export const LINK_TYPE_ETHERNET = 1
/** And of IP packets of either version without anything before them. */
export const LINK_TYPE_RAW = 101

/** What a capture file says of an interface. A pcap file has one, without a name. */
export interface CaptureInterface {
  /** Its number in its section of the file, from 0. */
  readonly id: number
  readonly name: string | null
  readonly description: string | null
  readonly mac: MacAddress | null
  /** `LINK_TYPE_ETHERNET`, or another number of that list. */
  readonly linkType: number
  /** Frames are cut at this length; 0 for no limit. */
  readonly snapLength: number
}

/** One frame of a capture file. */
export interface CapturedFrame {
  /** Since 1970-01-01 UTC. */
  readonly timestampNanoseconds: bigint
  readonly interface: CaptureInterface
  readonly direction: CaptureDirection | null
  /** What was captured of it; the caller's own. */
  readonly bytes: Uint8Array
  /** How long it was on the wire. */
  readonly originalLength: number
  readonly comment: string | null
}

/** A file that is no capture, or is damaged. The message says what is wrong and at which byte. */
export class CaptureFormatError extends Error {
  readonly position: number

  constructor(message: string, position: number) {
    super(`${message} (at byte ${position})`)
    this.name = 'CaptureFormatError'
    this.position = position
  }
}

/** Longest frame that a reader accepts and a writer writes, as in Wireshark and libpcap. */
export const LONGEST_FRAME = 262_144
