/**
 * The behaviour suite at both ends of a veth. Over IPv4 always; with TAPSTACK_PACKET_SOCKET=all (`npm run test:packet-socket`) over
 * IPv6 too, and with what the interfaces can do for us taken away.
 */
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { missing, requires } from '../requirements.ts'
import { behaviour } from '../stack/behaviour.ts'
import type { Namespace } from '../support/namespace.ts'
import { vethNamespace, vethPair } from './veth.ts'

const NEEDS = ['root', 'ip', 'namespaces', 'ethtool']
const lacks = missing(...NEEDS)

/** Features of both interfaces, as ethtool names them. */
const USUAL: string[] = []
const NO_SEGMENTATION = ['tso', 'off', 'gso', 'off']
const NO_OFFLOAD = ['tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off', 'sg', 'off']

const cases: [name: string, family: 4 | 6, features: string[]][] = [['over IPv4', 4, USUAL]]
if (process.env.TAPSTACK_PACKET_SOCKET === 'all') {
  cases.push(['over IPv6', 6, USUAL])
  for (const family of [4, 6] as const) {
    cases.push([`over IPv${family} without segmentation`, family, NO_SEGMENTATION])
    cases.push([`over IPv${family} without any offload`, family, NO_OFFLOAD])
    cases.push([`over IPv${family} with frames gathered`, family, [...NO_SEGMENTATION, 'gro', 'on']])
  }
}

describe.each(cases)('packet sockets %s', (name, family, features) => {
  let namespace: Namespace
  beforeAll(async () => {
    if (lacks !== null) return
    namespace = await vethNamespace()
    if (features.length === 0) return
    for (const end of ['v0', 'v1']) await namespace.run('ethtool', ['-K', end, ...features])
  })
  afterAll(() => namespace?.[Symbol.asyncDispose]())
  beforeEach((context) => requires(context, ...NEEDS))

  behaviour(`DirectStack ${name}`, () => vethPair(namespace, family))
})
