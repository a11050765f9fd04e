// Multicast DNS, RFC 6762, and DNS-SD, RFC 6763: tells the link under which name this host and a service of it are found.
//
//   tapstack run examples/mdns.ts --host cellar --service http --service-port 80
//   dig -p 5353 @224.0.0.251 cellar.local          (up to version 9.16; newer ones take no answer from another address)
//   avahi-browse --resolve _http._tcp
//
// It does not probe whether somebody else has the name (section 8.1), so give each host its own.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Endpoint, type IpAddress, type UdpSocket, unikernel } from 'tapstack'

const PORT = 5353
const GROUPS = { 4: '224.0.0.251', 6: 'ff02::fb' } as const
const TYPE = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, ANY: 255 } as const
const CLASS_IN = 1
/** In a question: answer me alone. In a record: forget what you had under this name. */
const TOP_BIT = 0x8000
const AUTHORITATIVE_ANSWER = 0x8400
/** Seconds; section 10. */
const HOST_TTL = 120
const SERVICE_TTL = 4500
/** Section 6.7: what one who knows only DNS may remember. */
const LEGACY_TTL = 10

interface Entry {
  name: string
  type: number
  ttl: number
  data: Buffer
  /** Whether others may have such an entry, too. */
  shared: boolean
}

interface Question {
  name: string
  type: number
  alone: boolean
}

const word = (...values: number[]) => Buffer.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]))
const encodeName = (name: string) =>
  Buffer.concat([
    ...name.split('.').flatMap((label) => [Buffer.of(Buffer.byteLength(label)), Buffer.from(label)]),
    Buffer.of(0),
  ])

function addressBytes({ family, word0, word1, word2, word3 }: IpAddress): Buffer {
  return word(
    ...(family === 4 ? [word3] : [word0, word1, word2, word3]).flatMap((bits) => [bits >>> 16, bits & 0xffff]),
  )
}

/** The questions of a query, null for anything else. */
function parseQuery(message: Buffer): { id: number; questions: Question[] } | null {
  // A query has opcode 0 and is no response.
  if (message.length < 12 || (message[2] & 0xf8) !== 0) return null
  const questions: Question[] = []
  let at = 12
  for (let left = Math.min(message.readUInt16BE(4), 16); left > 0; left--) {
    const labels: string[] = []
    let end = 0
    // A pointer leads backwards only, so that this ends.
    for (let position = at, bound = message.length; ; ) {
      const length = message[position]
      if (length === undefined) return null
      if (length >= 0xc0) {
        const target = ((length & 0x3f) << 8) | message[position + 1]
        if (end === 0) end = position + 2
        if (!(target < bound && target < position)) return null
        position = bound = target
      } else if (length === 0) {
        if (end === 0) end = position + 1
        break
      } else {
        labels.push(message.toString('utf8', position + 1, position + 1 + length))
        position += 1 + length
      }
    }
    if (end + 4 > message.length) return null
    const [type, kind] = [message.readUInt16BE(end), message.readUInt16BE(end + 2)]
    if ((kind & ~TOP_BIT) === CLASS_IN || (kind & ~TOP_BIT) === TYPE.ANY) {
      questions.push({ name: labels.join('.'), type, alone: (kind & TOP_BIT) !== 0 })
    }
    at = end + 4
  }
  return { id: message.readUInt16BE(0), questions }
}

/** @param legacy the answer to one who knows only DNS: with its identifier and question, section 6.7 */
function buildAnswer(entries: readonly Entry[], legacy: { id: number; questions: Question[] } | null, ttl?: number) {
  const questions = legacy?.questions ?? []
  return Buffer.concat([
    word(legacy?.id ?? 0, AUTHORITATIVE_ANSWER, questions.length, entries.length, 0, 0),
    ...questions.map(({ name, type }) => Buffer.concat([encodeName(name), word(type, CLASS_IN)])),
    ...entries.map((entry) => {
      const seconds = ttl ?? (legacy === null ? entry.ttl : LEGACY_TTL)
      const kind = legacy === null && !entry.shared ? CLASS_IN | TOP_BIT : CLASS_IN
      const rest = word(entry.type, kind, 0, seconds, entry.data.length)
      return Buffer.concat([encodeName(entry.name), rest, entry.data])
    }),
  ])
}

export default unikernel({
  name: 'mdns',
  description: 'tells the link the name of this host and of a service (multicast DNS, RFC 6762)',
  arguments: {
    host: { type: 'string', default: 'tapstack', doc: 'name of this host, without .local' },
    service: { type: 'string', default: 'http', doc: 'kind of service, without underscore' },
    servicePort: { type: 'port', minimum: 1, default: 80, doc: 'TCP port of the service' },
  },
  async start({ stack, arguments: { host, service, servicePort }, log, signal }) {
    const hostName = `${host}.local`
    const kind = `_${service}._tcp.local`
    const instance = `${host}.${kind}`

    function entries(): Entry[] {
      const addresses = stack.addresses.map(({ family, address }) => ({
        name: hostName,
        type: family === 4 ? TYPE.A : TYPE.AAAA,
        ttl: HOST_TTL,
        data: addressBytes(address),
        shared: false,
      }))
      const where = Buffer.concat([word(0, 0, servicePort), encodeName(hostName)])
      return [
        ...addresses,
        { name: kind, type: TYPE.PTR, ttl: SERVICE_TTL, data: encodeName(instance), shared: true },
        { name: instance, type: TYPE.SRV, ttl: HOST_TTL, data: where, shared: false },
        { name: instance, type: TYPE.TXT, ttl: SERVICE_TTL, data: Buffer.of(0), shared: false },
        {
          name: '_services._dns-sd._udp.local',
          type: TYPE.PTR,
          ttl: SERVICE_TTL,
          data: encodeName(kind),
          shared: true,
        },
      ]
    }

    function answer(socket: UdpSocket, group: Endpoint, data: Uint8Array, from: Endpoint): void {
      const query = parseQuery(Buffer.from(data))
      const asked = query?.questions ?? []
      const matches = (entry: Entry, { name, type }: Question) =>
        name.toLowerCase() === entry.name.toLowerCase() && (type === entry.type || type === TYPE.ANY)
      const found = entries().filter((entry) => asked.some((question) => matches(entry, question)))
      if (query === null || found.length === 0) return
      if (from.port !== PORT) socket.send(buildAnswer(found, query), from)
      else socket.send(buildAnswer(found, null), asked.every(({ alone }) => alone) ? from : group)
    }

    const sockets: { socket: UdpSocket; group: Endpoint }[] = []
    for (const family of [4, 6] as const) {
      const group = { address: GROUPS[family], port: PORT }
      const address = family === 4 ? '0.0.0.0' : '::'
      try {
        const socket = await stack.udp({ address, port: PORT, ipv6Only: family === 6, reuseAddress: true })
        socket.joinGroup(group.address)
        socket.setMulticastHopLimit(255)
        socket.onDatagram((data, from) => answer(socket, group, data, from))
        sockets.push({ socket, group })
      } catch (error) {
        log.info(`no multicast DNS over IPv${family}`, { reason: (error as Error).message })
      }
    }
    const tellAll = (ttl?: number) => {
      for (const { socket, group } of sockets) {
        try {
          socket.send(buildAnswer(entries(), null, ttl), group)
        } catch (error) {
          // A family without an address yet: it is told when there is one.
          log.debug('not told', { group: group.address, reason: (error as Error).message })
        }
      }
    }
    stack.onAddress(({ type }) => {
      if (type === 'added') tellAll()
    })
    // Section 10.1: a TTL of 0 says that we are gone. The sockets are closed after this.
    signal.addEventListener('abort', () => tellAll(0))
    // Section 8.3: twice, a second apart.
    tellAll()
    log.info('listening', { host: hostName, service: instance })
    await sleep(1000, undefined, { signal }).catch(() => {})
    if (!signal.aborted) tellAll()
  },
})
