/**
 * A dual-stack host for the trials: echo on port 7 (TCP and UDP), a web server on port 80. Its argument is JSON: options of
 * `createStack`, and `mac` for an address of its own. Prints `address TYPE ADDRESS/LENGTH` for what becomes of its
 * addresses. Each line of its standard input is a command in JSON, `{ "do": "report" }`, that it answers with a line
 * `answer JSON`.
 */
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type CreateStackOptions, createStack, IpAddress, MacAddress, PacketMemory, Tap } from '../../../src/index.ts'
import { AddressState, NeighborState } from '../../../src/ipv6/index.ts'

const { mac, ...given } = JSON.parse(process.argv[2] ?? '{}') as CreateStackOptions & { mac?: string }
const memory = new PacketMemory()
const netif = await Tap.open({
  name: given.interface ?? 'tap0',
  memory,
  ...(mac === undefined ? {} : { mac: MacAddress.parse(mac) }),
})
const idlePackets = memory.inUse
const problems: string[] = []
process.on('uncaughtException', (error) => problems.push(String(error.stack)))
process.on('unhandledRejection', (error) => problems.push(String(error)))

const stack = await createStack({ ...given, net: 'direct', netif, awaitAddresses: false })
const host = stack.ipv6!
stack.onAddress(({ type, prefix }) => console.log(`address ${type} ${prefix}`))

await stack.listen({ port: 7 }, async (flow) => {
  for await (const data of flow) await flow.write(data)
  await flow.close()
})
await stack.listen({ port: 80 }, async (flow) => {
  await flow.read()
  const body = `hello ${flow.remote.address}\n`
  await flow.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
  await flow.close()
})
const echo = await stack.udp({ port: 7 })
echo.onDatagram((data, from) => {
  try {
    echo.send(data, from)
  } catch {
    // Strangers choose where it goes.
  }
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const nameOf = (names: Record<string, number>, value: number) =>
  Object.keys(names).find((name) => names[name] === value) ?? String(value)

function report() {
  collectGarbage()
  const { discovery, ipv6 } = host
  const now = stack.clock.now()
  const seconds = (until: number) => (until === Number.POSITIVE_INFINITY ? null : (until - now) / 1e6)
  return {
    mac: stack.ethernet.mac.toString(),
    addresses: discovery.addresses.map((own) => ({
      address: own.address.toString(),
      state: nameOf(AddressState, own.state),
      origin: own.origin,
      preferred: seconds(own.preferredUntil),
      valid: seconds(own.validUntil),
    })),
    neighbors: [...discovery.neighbors()].map((neighbor) => ({
      address: neighbor.address.toString(),
      state: nameOf(NeighborState, neighbor.state),
      isRouter: neighbor.isRouter,
    })),
    router: discovery.nextHop(IpAddress.parse('2001:db8:ffff::1'))?.toString() ?? null,
    dnsServers: discovery.configuration.dnsServers.map(({ value }) => value.toString()),
    searchList: discovery.configuration.searchList.map(({ value }) => value),
    hopLimit: discovery.parameters.hopLimit,
    mtu: ipv6.mtu,
    discovery: discovery.counters,
    ipv6: ipv6.counters,
    fragments: { kept: ipv6.reassemblyKept, packets: ipv6.reassemblyCount, ...ipv6.reassemblyCounters },
    packets: memory.inUse - idlePackets,
    connections: stack.tcp.connections,
    heap: process.memoryUsage().heapUsed,
    paths: ipv6.pathCount,
    problems,
  }
}

interface Command {
  do: 'report' | 'ping' | 'udp' | 'add' | 'remove' | 'changeMac' | 'close'
  address: string
  size: number
}

async function obey({ do: what, address, size }: Command): Promise<unknown> {
  switch (what) {
    case 'report':
      return report()
    case 'ping':
      return await stack.ping(address, { size, timeout: 5000 })
    case 'udp': {
      const socket = await stack.udp({})
      const sent = Buffer.alloc(size, 'tapstack ')
      const back = new Promise<Buffer>((resolve) => socket.onDatagram((data) => resolve(Buffer.from(data))))
      socket.send(sent, { address, port: 7 })
      const received = await back
      await socket.close()
      return { size: received.length, equal: received.equals(sent) }
    }
    case 'add':
      host.discovery.addAddress(IpAddress.parse(address), 64)
      return {}
    case 'remove':
      host.discovery.removeAddress(IpAddress.parse(address))
      return {}
    case 'changeMac':
      stack.changeMac(address)
      return {}
    case 'close':
      await stack.close()
      return { packets: memory.inUse }
  }
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const answer = await obey(JSON.parse(line)).catch((error) => ({ error: String(error) }))
  console.log(`answer ${JSON.stringify(answer)}`)
})
process.on('SIGTERM', async () => {
  await stack.close()
  process.exit(0)
})
console.log('ready')
