import type { PacketMemory } from '../packet/index.ts'
import type { Netif } from './netif.ts'
import { openPacketSocket } from './packet-socket.ts'
import { Tap } from './tap.ts'

/** What may stand before the name of an interface: `packet:eth0`. */
export const INTERFACE_KINDS = ['tap', 'packet'] as const
export type InterfaceKind = (typeof INTERFACE_KINDS)[number]

/** `packet:eth0` as what it is and its name; without a kind it is a tap. */
export function parseInterface(text: string): { kind: InterfaceKind; name: string } {
  const [, kind, name] = /^(tap|packet):(.*)$/s.exec(text) ?? [null, 'tap', text]
  return { kind: kind as InterfaceKind, name }
}

/**
 * Opens an interface by its text: `tap0` or `tap:tap0` for a tap, `packet:eth0` for an existing one through a packet socket.
 * @throws as `Tap.open` and `openPacketSocket`
 */
export function openNetif(text: string, memory: PacketMemory): Promise<Netif> {
  const { kind, name } = parseInterface(text)
  return kind === 'packet' ? openPacketSocket({ name, memory }) : Tap.open({ name, memory })
}
