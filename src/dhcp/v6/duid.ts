/** DHCP unique identifiers, RFC 8415, section 11: by what a server knows a client again. */

import type { MacAddress } from '../../address/index.ts'
import { type Clock, SECOND } from '../../clock/index.ts'
import { integerInRange } from '../../errors/index.ts'

/** RFC 8415, section 11.1: the type and 1 to 128 octets. */
const LEAST_LENGTH = 3
const GREATEST_LENGTH = 130

/** Types, RFC 8415, section 11; hardware type of Ethernet, RFC 826. */
const LINK_LAYER_TIME = 1
const ENTERPRISE = 2
const LINK_LAYER = 3
const UUID = 4
const HARDWARE_ETHERNET = 1

/** 2000-01-01T00:00:00Z in seconds since 1970, from where the time in a DUID-LLT counts, RFC 8415, section 11.2. */
const TIME_BASE = 946_684_800

/** DUID-LL, section 11.4: for who keeps nothing between runs, and has a MAC address that stays. */
export function duidFromLinkLayer(mac: MacAddress): Uint8Array {
  const duid = ofType(LINK_LAYER, 10)
  duid[3] = HARDWARE_ETHERNET
  mac.writeTo(duid, 4)
  return duid
}

/** DUID-LLT, section 11.2: for who keeps it. @param seconds since 1970-01-01 UTC */
export function duidFromLinkLayerAndTime(mac: MacAddress, seconds: number): Uint8Array {
  const duid = ofType(LINK_LAYER_TIME, 14)
  duid[3] = HARDWARE_ETHERNET
  writeWord(duid, 4, Math.floor(seconds) - TIME_BASE)
  mac.writeTo(duid, 8)
  return duid
}

/**
 * DUID-EN, section 11.3.
 * @param enterprise the IANA private enterprise number, 32 bits @param identifier 1 to 124 octets, chosen by it
 * @throws RangeError
 */
export function duidFromEnterprise(enterprise: number, identifier: Uint8Array): Uint8Array {
  integerInRange('an enterprise number', enterprise, 0, 0xffffffff)
  integerInRange('the length of an identifier', identifier.length, 1, GREATEST_LENGTH - 6)
  const duid = ofType(ENTERPRISE, 6 + identifier.length)
  writeWord(duid, 2, enterprise)
  duid.set(identifier, 6)
  return duid
}

/** DUID-UUID, section 11.5 and RFC 6355. @param uuid 16 octets @throws RangeError */
export function duidFromUuid(uuid: Uint8Array): Uint8Array {
  integerInRange('the length of a UUID', uuid.length, 16, 16)
  const duid = ofType(UUID, 18)
  duid.set(uuid, 2)
  return duid
}

/** Whether that can be a DUID: nobody but its maker looks at more than its length, RFC 8415, section 11. */
export function isDuid(bytes: Uint8Array): boolean {
  return bytes.length >= LEAST_LENGTH && bytes.length <= GREATEST_LENGTH
}

/** `00:03:00:01:02:...`, as in the configuration of servers. */
export function duidText(duid: Uint8Array): string {
  return [...duid].map((octet) => octet.toString(16).padStart(2, '0')).join(':')
}

/** @throws TypeError naming the text if it is not what `duidText` writes */
export function parseDuid(text: string): Uint8Array {
  const trimmed = text.trim()
  if (/^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(trimmed)) {
    const duid = Uint8Array.from(trimmed.split(':'), (octet) => Number.parseInt(octet, 16))
    if (isDuid(duid)) return duid
  }
  throw new TypeError(`not a DHCP unique identifier: ${JSON.stringify(text)}`)
}

export function sameDuid(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((octet, index) => octet === other[index])
}

/** Where a DUID outlives the program: a file, usually. */
export interface DuidStore {
  /** The text that was saved last, null if none ever was. */
  load(): Promise<string | null> | string | null
  save(text: string): Promise<void> | void
}

/**
 * The DUID of this machine: what the store has, else a new DUID-LLT, which is stored; a DUID-LL without a store.
 * @throws TypeError if the store holds something else; rejects with what the store throws
 */
export async function ownDuid(mac: MacAddress, clock: Clock, store: DuidStore | null): Promise<Uint8Array> {
  if (store === null) return duidFromLinkLayer(mac)
  const saved = await store.load()
  if (saved !== null) return parseDuid(saved)
  const duid = duidFromLinkLayerAndTime(mac, (clock.epoch + clock.now()) / SECOND)
  await store.save(`${duidText(duid)}\n`)
  return duid
}

function ofType(type: number, length: number): Uint8Array {
  const duid = new Uint8Array(length)
  duid[1] = type
  return duid
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
