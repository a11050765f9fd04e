/** `tapstack traceroute HOST`: who answers when the hop limit of a packet ends on the way, as traceroute(8) shows it. */
import type { DirectStack, ProbeAnswer } from '../stack/index.ts'
import { type Unikernel, unikernel } from '../unikernel/index.ts'
import { addressOfTarget, expectedTarget } from './target.ts'
import { waitForWayOut } from './way-out.ts'

/** traceroute(8) counts the port up, so that an answer tells which probe it is for; each of ours has a port of its own. */
const PORT = 33_434

/** As traceroute(8) marks them. */
const MARKS: Readonly<Partial<Record<ProbeAnswer['kind'], string>>> = {
  'network-unreachable': '!N',
  'host-unreachable': '!H',
  'protocol-unreachable': '!P',
  'too-big': '!F',
  prohibited: '!X',
  problem: '!',
}

export interface Hop {
  readonly hop: number
  readonly probes: readonly ProbeAnswer[]
}

/** @param direct gives the stack that was made, null if it is one of the operating system's sockets */
export function tracerouteTool(direct: () => DirectStack | null): Unikernel {
  return unikernel({
    name: 'traceroute',
    description: 'shows the routers on the way to a host',
    arguments: {
      target: {
        type: 'string',
        required: true,
        check: expectedTarget,
        placeholder: 'HOST',
        doc: 'an address or a name; without the option, too',
      },
      protocol: { type: 'choice', choices: ['udp', 'icmp'], default: 'udp', short: 'P', doc: 'what is sent' },
      maxHops: { type: 'integer', minimum: 1, maximum: 255, default: 30, short: 'm', doc: 'how far to go' },
      queries: { type: 'integer', minimum: 1, maximum: 10, default: 3, short: 'q', doc: 'probes for each hop' },
      wait: { type: 'duration', minimum: 1, default: '2s', short: 'w', doc: 'how long to wait for each answer' },
      port: { type: 'port', minimum: 1, default: PORT, doc: 'where nobody listens, for UDP' },
      size: { type: 'integer', minimum: 0, maximum: 65_507, default: 32, short: 's', doc: 'bytes of payload' },
      family: { type: 'choice', choices: ['any', '4', '6'], default: 'any', doc: 'which addresses of a name' },
      json: { type: 'boolean', doc: 'for programs: one object at the end' },
    },
    async start({ stack, arguments: values, signal }) {
      const ours = direct()
      if (ours === null)
        throw new Error("traceroute wants a stack of its own: the operating system's sockets tell no routers")
      const { target, maxHops, queries, wait: timeout, port, size, json } = values
      const protocol = values.protocol === 'icmp' ? 'icmp' : 'udp'
      const family = values.family === '4' ? 4 : values.family === '6' ? 6 : 0
      const address = await addressOfTarget(stack, target, family)
      await waitForWayOut(ours, address, signal)
      const name = target === address ? address : `${target} (${address})`
      if (!json) console.log(`traceroute to ${name}, ${maxHops} hops at most, ${protocol}`)
      const hops: Hop[] = []
      for (let hopLimit = 1; hopLimit <= maxHops && !signal.aborted; hopLimit++) {
        const probes: ProbeAnswer[] = []
        // One after the other: routers send few errors at a time (RFC 1812, section 4.3.2.8).
        for (let i = 0; i < queries && !signal.aborted; i++) {
          probes.push(await ours.probe(address, { hopLimit, protocol, port, size, timeout, signal }))
        }
        const hop = { hop: hopLimit, probes }
        hops.push(hop)
        if (!json) console.log(hopLine(hop))
        if (probes.some(({ kind }) => kind !== 'passed' && kind !== 'silent')) break
      }
      const reached = hops.at(-1)?.probes.some(({ kind }) => kind === 'reached') ?? false
      if (json) console.log(JSON.stringify({ target, address, protocol, reached, hops: hops.map(hopAsJson) }))
      return reached ? 0 : 1
    },
  })
}

/** ` 2  10.1.0.1  0.211 ms  0.194 ms  *`: an address where it differs from the one before. */
export function hopLine({ hop, probes }: Hop): string {
  let line = String(hop).padStart(2)
  let last: string | null = null
  for (const { address, kind, roundTripMilliseconds } of probes) {
    if (address === null) {
      line += '  *'
      continue
    }
    if (address !== last) line += `  ${address}`
    last = address
    const mark = MARKS[kind]
    line += `  ${roundTripMilliseconds.toFixed(3)} ms${mark === undefined ? '' : ` ${mark}`}`
  }
  return line
}

function hopAsJson({ hop, probes }: Hop): object {
  const answers = probes.map(({ address, kind, roundTripMilliseconds }) =>
    address === null ? null : { address, milliseconds: Math.round(roundTripMilliseconds * 1000) / 1000, kind },
  )
  return { hop, probes: answers }
}
