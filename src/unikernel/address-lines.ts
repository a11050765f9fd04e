import { networkInterfaces } from 'node:os'
import type { IpAddress } from '../address/index.ts'
import { parseInterface } from '../netif/index.ts'
import type { MadeStack } from './made-devices.ts'

/** One line for each address that an application answers on, now and whenever one comes or goes. @param name the instance's */
export function showAddresses(name: string, stacks: readonly MadeStack[], write: (line: string) => unknown): void {
  for (const { stack, values, device } of stacks) {
    const shown = new Set<string>()
    const where = device.group === null ? '' : ` (${device.group})`
    const show = (text: string) => {
      if (shown.has(text)) return
      shown.add(text)
      write(`${name} answers on ${text}${where}\n`)
    }
    stack.onAddress(({ type, prefix, interface: zone }) => {
      const text = withZone(prefix.address, zone)
      if (type === 'added') show(text)
      else if (type === 'removed' && shown.delete(text)) write(`${name} no longer answers on ${text}${where}\n`)
    })
    // A pattern such as tap%d has become the name of a device.
    const own =
      stack.kind === 'direct' ? ((stack as { zone?: string }).zone ?? parseInterface(values.interface).name) : null
    for (const { address } of stack.addresses) {
      if (!isZoned(address)) show(`${address}`)
      else for (const zone of own === null ? zonesOf(address) : [own]) show(withZone(address, zone))
    }
  }
}

/** `fe80::1%tap0`: what a person on this machine has to write to reach it; RFC 4007, section 11. */
function withZone(address: IpAddress, zone: string): string {
  return isZoned(address) ? `${address}%${zone}` : address.toString()
}

function isZoned(address: IpAddress): boolean {
  return address.family === 6 && address.isLinkLocal
}

/** The interfaces of the operating system that have an address: of a link-local one there may be several. */
function zonesOf(address: IpAddress): string[] {
  return Object.entries(networkInterfaces())
    .filter(([, own]) => own?.some((each) => each.address === `${address}`))
    .map(([name]) => name)
}
