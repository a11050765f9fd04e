import { openPcap, type PcapNetif, type PcapPackage } from '../../src/netif/index.ts'
import type { PacketMemory } from '../../src/packet/index.ts'
import type { Namespace } from '../support/namespace.ts'
import { optionalPackage } from '../support/optional-packages.ts'

/** An interface of a namespace, opened from outside of it. */
export function openPcapIn(namespace: Namespace, name: string, memory?: PacketMemory): Promise<PcapNetif> {
  return openPcap({
    name,
    namespace: `/proc/${namespace.pid}/ns/net`,
    package: optionalPackage<PcapPackage>('pcap'),
    ...(memory === undefined ? {} : { memory }),
  })
}
