/** What `tapstack/register` does in the program's process. */
import cluster from 'node:cluster'
import { syncBuiltinESMExports } from 'node:module'
import { HostClock, SecureRandom } from '../clock/index.ts'
import { SystemError } from '../errors/index.ts'
import { type Netif, openNetif, VirtualNetwork } from '../netif/index.ts'
import { leadLifeOfProcess, moveNodeOnto } from '../node/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { createStack } from '../stack/index.ts'
import { BadArgument, EXIT_USAGE, SANDBOX_VARIABLE, stackOfEnvironment } from '../unikernel/index.ts'

/** Far more passes of the event loop than closing takes. */
const MOST_PASSES = 20

/** Makes the stack and moves Node's modules onto it. Ends the process, with one line, if it cannot. */
export async function register(): Promise<void> {
  try {
    await moveOntoStack()
  } catch (error) {
    console.error(`tapstack: ${error instanceof Error ? error.message : error}`)
    process.exit(error instanceof BadArgument ? EXIT_USAGE : 1)
  }
}

async function moveOntoStack(): Promise<void> {
  const { options, isLoopback, logs } = await stackOfEnvironment(process.env, process.env[SANDBOX_VARIABLE])
  if (options === null) return
  const clock = new HostClock()
  const random = new SecureRandom()
  const memory = new PacketMemory()
  const netif: Netif = isLoopback
    ? new VirtualNetwork({ clock, random, memory }).port()
    : await openNetif(options.interface ?? 'tap0', { memory, clock, log: logs('netif') })
  const stack = await createStack({ ...options, net: 'direct', netif, clock, random })
  leadLifeOfProcess(stack, moveNodeOnto(stack), [clock, netif])
  refuseCluster()
  await trialsAreOver()
}

/** What Node's machinery was tried on closes in the first passes of the event loop, and is no business of the program's. */
async function trialsAreOver(): Promise<void> {
  for (let passes = 0; passes < MOST_PASSES && process.getActiveResourcesInfo().includes('Immediate'); passes++) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A primary hands its workers descriptors of sockets, which connections of a stack do not have: they would wait for ever. */
function refuseCluster(): void {
  cluster.fork = () => {
    throw new SystemError('ENOTSUP', 'cluster.fork', { hint: 'a stack and its connections belong to one process' })
  }
  syncBuiltinESMExports()
}
