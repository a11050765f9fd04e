/** Opens an interface through libpcap, closes it again, and has nothing else to do. */
import { openPcap } from '../../../src/netif/index.ts'

const [name] = process.argv.slice(2)
const netif = await openPcap({ name })
netif.attach({ frame() {}, endOfBurst() {}, closed() {} })
console.log(`opened ${netif.name}`)
await netif.close()
console.log('closed')
