/** The services of the bench on tapstack, over the interface of its namespace, each the way a flow is used best. */
import http from 'node:http'
import { createStack, HostClock, openNetif, PacketMemory, SecureRandom, Tap, VirtualNetwork } from '../../dist/index.js'
import {
  answer,
  CHUNK,
  CLOSE_PORT,
  certificate,
  MEMORY_PORT,
  measurePair,
  memoryInUse,
  overTls,
  runSubject,
} from './subject.mjs'

const TAP = 'tap0'
/** Nobody else is there, so that an address needs no second of waiting. */
const IPV6_SETTINGS = { detectionTransmits: 0 }
/** Echoed bytes that may wait for the peer before reading pauses; what node:net's streams allow by default. */
const ECHO_LIMIT = 16_384
/** What a crowd may be: the setting of TCP, which by default is 262,144. */
const MOST_CONNECTIONS = 2_097_152

/** A client that goes away in the middle, as the load generator does, is no error. */
const ignore = () => {}

/** Of the interface; none where a service does without one. */
let counters = () => ({})

/** @param {boolean} [offload] without it, every frame is one packet: for a relay that looks at packets */
async function openStack({ address, netif: text }, offload = true) {
  const clock = new HostClock()
  const memory = new PacketMemory()
  const netif = offload ? await openNetif(text, { memory, clock }) : await Tap.open({ name: TAP, memory, offload })
  const own = address.includes(':') ? { ipv6: `${address}/64`, ipv6Settings: IPV6_SETTINGS } : { ipv4: `${address}/24` }
  const stack = await createStack({ netif, clock, ...own })
  counters = () => stack.netif.counters
  return stack
}

/** @param {(flow: import('../../dist/index.js').Flow) => unknown} onFlow */
async function listen(options, onFlow, offload) {
  const { port } = options
  const stack = await openStack(options, offload)
  await stack.listen({ port, backlog: 511 }, onFlow)
}

/**
 * Node's own servers, over the stack's handles.
 * @param {(stack: import('../../dist/index.js').DirectStack) => import('node:net').Server} create
 */
async function serve(options, create) {
  const { address, port } = options
  const server = create(await openStack(options))
  await new Promise((resolve) => server.listen({ host: address, port, backlog: 511 }, resolve))
}

async function generate(flow) {
  try {
    for (;;) await flow.write(CHUNK)
  } catch {
    // The client has what it wanted and resets.
  }
}

const services = {
  discard: (options) => listen(options, (flow) => flow.onData(ignore)),

  chargen: (options) => listen(options, generate),

  'discard-packets': (options) => listen(options, (flow) => flow.onData(ignore), false),
  'chargen-packets': (options) => listen(options, generate, false),

  /** What `onData` shows is gone after the call, and what `write` gets is kept: one copy, as node:net makes too. */
  echo: (options) =>
    listen(options, (flow) => {
      flow.setNoDelay(true)
      let waiting = 0
      const echo = (view) => {
        const length = view.length
        waiting += length
        if (waiting > ECHO_LIMIT) flow.pause()
        flow.write(Buffer.from(view)).then(() => {
          waiting -= length
          if (waiting <= ECHO_LIMIT) flow.resume()
        }, ignore)
      }
      flow.onData(echo, () => flow.shutdown('write').catch(ignore))
    }),

  close: (options) =>
    listen(options, (flow) => {
      flow.close().catch(ignore)
    }),

  http: (options) => {
    const server = http.createServer(answer)
    return listen(options, (flow) => server.emit('connection', flow.toDuplex()))
  },

  'http-handle': (options) => serve(options, (stack) => stack.http.createServer(answer)),
  'tls-discard': (options) => serve(options, (stack) => stack.tls.createServer(certificate(), overTls.discard)),
  'tls-chargen': (options) => serve(options, (stack) => stack.tls.createServer(certificate(), overTls.chargen)),

  /** Very many connections that stay open and are all but idle, others that come and go, and what that costs. */
  crowd: async ({ address, port }) => {
    const tcp = { maximumConnections: MOST_CONNECTIONS }
    const stack = await createStack({ interface: TAP, ipv4: `${address}/24`, tcp })
    counters = () => stack.netif.counters
    await stack.listen({ port }, (flow) => flow.onData((view) => flow.write(Buffer.from(view)).catch(ignore)))
    await stack.listen({ port: CLOSE_PORT }, (flow) => {
      flow.close().catch(ignore)
    })
    await stack.listen({ port: MEMORY_PORT }, async (flow) => {
      await flow.write(memoryInUse())
      await flow.close()
    })
  },

  /** Both ends in this process, each a stack of its own, joined by a virtual network. */
  pair: async ({ port, warmup, seconds }) => {
    const clock = new HostClock()
    const network = new VirtualNetwork({ clock, random: new SecureRandom(), memory: new PacketMemory() })
    const server = await createStack({ netif: network.port(), ipv4: '10.0.0.1/24', clock })
    const client = await createStack({ netif: network.port(), ipv4: '10.0.0.2/24', clock })
    await server.listen({ port }, (flow) => {
      const { count } = measurePair(warmup, seconds)
      flow.onData((view) => count(view.length))
    })
    generate(await client.connect({ address: '10.0.0.1', port }))
  },
}

await runSubject(services, () => counters())
