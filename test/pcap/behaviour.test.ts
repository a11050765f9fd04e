/** The behaviour suite through libpcap: over IPv4, and with TAPSTACK_PACKET_SOCKET=all (`npm run test:packet-socket`) over IPv6 too. */
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { vethNamespace, vethPair } from '../packet-socket/veth.ts'
import { missing, requires } from '../requirements.ts'
import { behaviour } from '../stack/behaviour.ts'
import type { Namespace } from '../support/namespace.ts'
import { packageMissing, requiresPackage } from '../support/optional-packages.ts'
import { openPcapIn } from './open.ts'

const lacks = missing('root', 'ip', 'namespaces') ?? packageMissing('pcap')

const families = process.env.TAPSTACK_PACKET_SOCKET === 'all' ? ([4, 6] as const) : ([4] as const)

describe.each(families)('libpcap over IPv%s', (family) => {
  let namespace: Namespace
  beforeAll(async () => {
    if (lacks === null) namespace = await vethNamespace()
  })
  afterAll(() => namespace?.[Symbol.asyncDispose]())
  beforeEach((context) => {
    requires(context, 'root', 'ip', 'namespaces')
    requiresPackage(context, 'pcap')
  })

  behaviour('DirectStack over pcap on a veth', () =>
    vethPair(namespace, family, (name, memory) => openPcapIn(namespace, name, memory)),
  )
})
