/**
 * `node --import tapstack/register app.js`: the program's network is a stack of ours, made as the variables `TAPSTACK_...`
 * of the environment say. It is there before the program's first line runs.
 */
import cluster from 'node:cluster'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import { HostClock, SecureRandom } from '../clock/index.ts'
import { SystemError } from '../errors/index.ts'
import { type Netif, openNetif, VirtualNetwork } from '../netif/index.ts'
import { leadLifeOfProcess, moveNodeOnto } from '../node/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { createStack } from '../stack/index.ts'
import { BadArgument, EXIT_USAGE, SANDBOX_VARIABLE, stackOfEnvironment } from '../unikernel/index.ts'

/** `NODE_OPTIONS` with which `tapstack exec` starts a program. */
export const IMPORT_OPTION = `--import=${import.meta.url}`

async function register(): Promise<void> {
  const { options, isLoopback } = await stackOfEnvironment(process.env, process.env[SANDBOX_VARIABLE])
  if (options === null) return
  const clock = new HostClock()
  const random = new SecureRandom()
  const memory = new PacketMemory()
  const netif: Netif = isLoopback
    ? new VirtualNetwork({ clock, random, memory }).port()
    : await openNetif(options.interface ?? 'tap0', { memory, clock })
  const stack = await createStack({ ...options, net: 'direct', netif, clock, random })
  leadLifeOfProcess(stack, moveNodeOnto(stack), [clock, netif])
  refuseCluster()
}

/** A primary hands its workers descriptors of sockets, which connections of a stack do not have: they would wait for ever. */
function refuseCluster(): void {
  cluster.fork = () => {
    throw new SystemError('ENOTSUP', 'cluster.fork', { hint: 'a stack and its connections belong to one process' })
  }
  syncBuiltinESMExports()
}

/** What a program starts has its own network, or the operating system's: a tap has one stack. */
function keepToThisProcess(): void {
  const { NODE_OPTIONS } = process.env
  if (NODE_OPTIONS === undefined) return
  const left = NODE_OPTIONS.replace(IMPORT_OPTION, '').trim()
  if (left === '') delete process.env.NODE_OPTIONS
  else process.env.NODE_OPTIONS = left
}

if (isMainThread) {
  keepToThisProcess()
  try {
    await register()
  } catch (error) {
    console.error(`tapstack: ${error instanceof Error ? error.message : error}`)
    process.exit(error instanceof BadArgument ? EXIT_USAGE : 1)
  }
}
