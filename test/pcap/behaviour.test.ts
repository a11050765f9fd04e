import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { vethNamespace, vethPair } from '../packet-socket/veth.ts'
import { missing, requires } from '../requirements.ts'
import { behaviour } from '../stack/behaviour.ts'
import type { Namespace } from '../support/namespace.ts'
import { packageMissing, requiresPackage } from '../support/optional-packages.ts'
import { openPcapIn } from './open.ts'

const lacks = missing('root', 'ip', 'namespaces') ?? packageMissing('pcap')

describe('libpcap', () => {
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
    vethPair(namespace, 4, (name, memory) => openPcapIn(namespace, name, memory)),
  )
})
