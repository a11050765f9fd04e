import { type Graph, GraphBuilder } from '../inspect/index.ts'
import { parseInterface } from '../netif/index.ts'
import { type BootValues, isSocket } from './boot-arguments.ts'
import { parseArguments } from './command-line.ts'
import { formatDestination } from './destination.ts'
import { type Device, devicesInOrder, isStackDevice, valuesOfStack } from './devices/index.ts'
import { writtenElsewhere } from './elsewhere.ts'
import { wantsDhcp } from './ipv4-addressing.ts'
import type { RunValues } from './made-devices.ts'
import { declarationsOf, type Unikernel } from './unikernel.ts'

/**
 * The devices and layers that an application is composed of with these boot arguments, and those of the configuration file and
 * the environment; what is required of them may be missing.
 * @throws BadArgument
 */
export async function compositionOf(
  unikernel: Unikernel,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
  sandboxInterface?: string,
): Promise<Graph> {
  const declared = Object.entries(declarationsOf(unikernel)).map(([name, each]) => [
    name,
    // What is not there yet can be described as well.
    { ...each, required: false, check: undefined },
  ])
  const declarations = Object.fromEntries(declared)
  const values = (await parseArguments(declarations, argv, (given) =>
    writtenElsewhere(given('config'), environment, declarations),
  )) as RunValues
  const graph = new GraphBuilder()
  const root = graph.add('application', unikernel.name)
  const named = new Map<Device<unknown>, string>()
  for (const [name, device] of Object.entries(unikernel.devices)) named.set(device, name)
  const ids = new Map<Device<unknown>, string>()
  const visit = (device: Device<unknown>, above: string) => {
    const known = ids.get(device)
    const id = known ?? `device ${ids.size}`
    const name = named.get(device)
    const own = isStackDevice(device) && device.group !== null ? device.group : undefined
    const label = name ?? own
    graph.add(id, label === undefined || label === device.kind ? device.kind : `${label}: ${device.kind}`, above)
    if (known !== undefined) return
    ids.set(device, id)
    for (const used of Object.values(device.uses)) visit(used, id)
    if (isStackDevice(device)) addStack(graph, id, valuesOfStack(device, values), sandboxInterface)
  }
  for (const device of Object.values(unikernel.devices)) visit(device, root)
  const first = devicesInOrder(unikernel.devices).find(isStackDevice)
  if (first === undefined) return graph
  // What the runner itself sends goes over the first network.
  for (const name of ['syslog', 'monitor'] as const) {
    const server = values[name]
    if (server !== undefined) visit(first, graph.add(name, `${name} to ${formatDestination(server)}`, root))
  }
  return graph
}

function addStack(
  graph: GraphBuilder,
  stack: string,
  values: BootValues & { given: ReadonlySet<string> },
  sandboxInterface: string | undefined,
): void {
  const layer = (name: string, label: string, ...above: string[]) => graph.add(`${stack} ${name}`, label, ...above)
  const dns = layer('dns', 'dns', stack)
  if (isSocket(values)) {
    layer('sockets', "the operating system's sockets", stack, dns)
    return
  }
  const tcp = layer('tcp', 'tcp', stack, dns)
  const udp = layer('udp', 'udp', stack, dns)
  const icmp = layer('icmp', 'icmp', stack)
  const above: string[] = []
  const { kind, target } = parseInterface(values.interface)
  if (!values.ipv6Only) {
    const addresses = values.ipv4 === undefined ? '' : ` ${values.ipv4}`
    const ipv4 = layer('ipv4', `ipv4${addresses}`, tcp, udp, icmp)
    if (wantsDhcp(values, sandboxInterface)) layer('udp', 'udp', layer('dhcp', 'dhcp', stack))
    above.push(ipv4)
    if (kind.carriesIp !== true) above.push(layer('arp', 'arp', ipv4))
  }
  if (!values.ipv4Only) {
    const addresses = values.ipv6 === undefined ? '' : ` ${values.ipv6}`
    const ipv6 = layer('ipv6', `ipv6${addresses}`, tcp, udp, icmp)
    above.push(layer('ndp', 'neighbour discovery', ipv6), ipv6)
  }
  let last = layer('ethernet', kind.carriesIp === true ? 'point to point' : 'ethernet', ...above)
  if (values.capture !== undefined) last = layer('capture', `capture to ${values.capture}`, last)
  last = layer('recent', 'recent frames', last)
  layer('netif', `${kind.label} ${target}`, last)
}
