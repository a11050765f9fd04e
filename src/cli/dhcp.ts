/** `tapstack dhcp`: what DHCP servers on the link of an interface would give, without taking it. */

import { readFileSync } from 'node:fs'
import { Arp } from '../arp/index.ts'
import { HostClock, SECOND, SecureRandom } from '../clock/index.ts'
import { clientIdFromDuid, type Dhcpv4Offer, duidFromLinkLayer, inquire, UdpDhcpv4Transport } from '../dhcp/index.ts'
import { guessOf } from '../errors/index.ts'
import { Ethernet } from '../ethernet/index.ts'
import { Ipv4 } from '../ipv4/index.ts'
import { interfaceProblem, openNetif } from '../netif/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { Udp } from '../udp/index.ts'
import { offerAsJson, offerAsText } from './dhcp-offer.ts'
import { EXIT_USAGE, Failure } from './failure.ts'

export interface DhcpCommand {
  interface: string
  json: boolean
  /** Seconds that the first answer may take. */
  timeout: number
}

/**
 * Asks as a unikernel on the same device would, so that it sees the same answers.
 * @returns the exit code: 0, or 1 if nobody has answered
 * @throws Failure if the device cannot be opened
 */
export async function runDhcp(command: DhcpCommand): Promise<number> {
  const offers = await ask(command)
  if (command.json) console.log(JSON.stringify(offers.map(offerAsJson), null, 2))
  else if (offers.length > 0) console.log(offers.map(offerAsText).join('\n\n'))
  if (offers.length > 0) return 0
  console.error(`tapstack: no DHCP server has answered on ${command.interface} within ${command.timeout} s`)
  return 1
}

/** Those without an address, too, which Node leaves out; of our own network namespace, which /sys may not show. */
function interfaceNames(): string[] {
  const [, , ...lines] = readFileSync('/proc/self/net/dev', 'utf8').split('\n')
  return lines.map((line) => line.slice(0, Math.max(0, line.indexOf(':'))).trim())
}

async function ask({ interface: name, timeout }: DhcpCommand): Promise<Dhcpv4Offer[]> {
  const problem = interfaceProblem(name)
  if (problem !== undefined) throw new Failure(`-i: ${problem}`, EXIT_USAGE)
  // A tap that is made for the question has nobody on it.
  if (!name.includes(':') && !interfaceNames().includes(name))
    throw new Failure(`there is no interface ${name}${guessOf(name, interfaceNames())}`)
  const memory = new PacketMemory({ smallSlots: 256, largeSlots: 8 })
  const clock = new HostClock()
  const netif = await openNetif(name, { memory, clock }).catch((error: Error) => {
    clock.close()
    throw new Failure(`${name} cannot be opened: ${error.message}`)
  })
  try {
    const random = new SecureRandom()
    const ethernet = new Ethernet(netif)
    const arp = new Arp(ethernet, clock, random)
    const ipv4 = new Ipv4(ethernet, arp, { clock, random })
    const { mac } = ethernet
    const clientId = clientIdFromDuid(mac.low >>> 0, duidFromLinkLayer(mac))
    const transport = new UdpDhcpv4Transport(ipv4, new Udp([ipv4], random))
    return await inquire({ transport, clock, random, mac, clientId, timeout: timeout * SECOND })
  } finally {
    clock.close()
    await netif.close()
  }
}
