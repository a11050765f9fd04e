/** The behaviour suite over two taps that a bridge of the kernel joins: `npm run test:packet-socket`. */
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { Tap } from '../../src/netif/index.ts'
import { inNamespace } from '../../src/netif/interface-facts.ts'
import { vethPair } from '../packet-socket/veth.ts'
import { missing, requires } from '../requirements.ts'
import { behaviour } from '../stack/behaviour.ts'
import { Namespace } from '../support/namespace.ts'

const NEEDS = ['root', 'ip', 'namespaces', 'tap']
const lacks = missing(...NEEDS)
describe.each([4, 6] as const)('taps over IPv%s', (family) => {
  let namespace: Namespace
  beforeAll(async () => {
    if (lacks !== null) return
    namespace = await Namespace.create()
    await namespace.run('sh', [
      '-c',
      `sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1
       ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up
       for i in 0 1; do ip tuntap add v$i mode tap && ip link set v$i master br0 up || exit 1; done`,
    ])
  })
  afterAll(() => namespace?.[Symbol.asyncDispose]())
  beforeEach((context) => requires(context, ...NEEDS))

  behaviour('DirectStack over taps', () =>
    vethPair(namespace, family, (name, memory) =>
      inNamespace(`/proc/${namespace.pid}/ns/net`, () => Tap.open({ name, memory })),
    ),
  )
})
