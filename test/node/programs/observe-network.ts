/** What Node's own modules say of the cases of a network: runs in a namespace that is one, prints JSON. */
import { SocketStack } from '../../../src/stack/index.ts'
import { observe } from '../behaviour.ts'
import { datagramNetwork } from '../cases/datagram-network.ts'
import { netNetwork } from '../cases/net-network.ts'

const nodes = new SocketStack()
const seen: Record<string, string[]> = {}
for (const [name, run] of Object.entries({ ...datagramNetwork, ...netNetwork })) seen[name] = await observe(run, nodes)
console.log(JSON.stringify(seen))
await nodes.close(0)
