import { type Place, SUBJECT_ADDRESS, SUBJECT_ADDRESS_6 } from './namespaces.ts'
import { type Placement, run, type Subject } from './processes.ts'
import type { ProcessorWatch } from './processor-use.ts'
import type { Subjects } from './report.ts'

/** How long to measure, and how long to run before, so that code is compiled and windows are open. Seconds. */
export interface Duration {
  readonly warmup: number
  readonly seconds: number
}

/** One figure, and the time in which it was taken: CLOCK_MONOTONIC nanoseconds. */
export interface Sample {
  readonly value: number
  readonly beginNanoseconds: number
  readonly endNanoseconds: number
  /** What else the load generator had to say. */
  readonly details: Record<string, unknown>
}

/** What the ratio to node:net, or the figure itself, is to reach; `most`: what it is not to exceed. */
export type Goal = { readonly ratio: number } | { readonly value: number } | { readonly most: number }

/** Where the load generator runs, and what it is. */
export interface Setting {
  readonly place: Place
  readonly placement: Placement
  readonly generator: string
  readonly duration: Duration
  /** Connections of a crowd. */
  readonly crowd: number
  /** Told when the load starts. */
  readonly watch: ProcessorWatch
}

type Load = (setting: Setting) => Promise<Sample>

/** Between load generator and subject, instead of none worth speaking of. */
export interface Link {
  /** Each way. */
  readonly milliseconds: number
  /** The share of packets lost, each way. */
  readonly loss: number
}

/** A line of the table. */
export interface Figure {
  readonly name: string
  readonly title: string
  readonly unit: string
  /** Decimals in the table. */
  readonly decimals: number
  readonly goal: Goal
  /** Default: tapstack beside node:net. */
  readonly subjects?: Subjects
}

/** What one run tells beside its first figure. */
export interface FurtherFigure extends Figure {
  /** From what the load generator said. */
  of(details: Record<string, unknown>): number
}

export interface Measurement extends Figure {
  /** What selects it beside its name. */
  readonly group?: string
  /** What of `bench/subjects/` is measured. */
  readonly service: string
  /** Where the subject stands; default its IPv4 address. */
  readonly address?: string
  readonly port: number
  /** Null where the subject measures itself. */
  readonly load: Load | null
  /** Where both run unless the person asks otherwise. */
  readonly placement: Placement
  readonly further?: readonly FurtherFigure[]
  /** In the first round only: it takes long, and one run is like the next. */
  readonly once?: boolean
  /** For tapstack alone. */
  readonly alone?: boolean
  readonly nodeOptions?: readonly string[]
  readonly link?: Link
}

const CONNECTIONS_AT_ONCE = 16
const REQUEST_BYTES = 64
const HTTP_CONNECTIONS = 64

/** How much longer than asked a load generator may take: its own patience is 10 s. */
const GRACE_SECONDS = 15

/** What a subject or a load generator printed last, as a sample. @throws Error with what it reported instead */
function parseSample(output: string, complaints: string, figure: string): Sample {
  const line = output.trim().split('\n').at(-1) ?? ''
  if (!line.startsWith('{')) throw new Error(`no result: ${complaints.trim() || 'nothing was printed'}`)
  const details: Record<string, unknown> = JSON.parse(line)
  if (details.error !== undefined) throw new Error(String(details.error))
  const { beginNanoseconds, endNanoseconds, [figure]: value, ...rest } = details
  return {
    value: Number(value),
    beginNanoseconds: Number(beginNanoseconds),
    endNanoseconds: Number(endNanoseconds),
    details: rest,
  }
}

function generate(
  mode: string,
  port: number,
  figure: string,
  parameters: (seconds: number) => (string | number)[],
  address = SUBJECT_ADDRESS,
): Load {
  return async ({ place, placement, generator, duration, watch }) => {
    watch.start(duration.warmup, duration.seconds)
    const all = ['--warmup', duration.warmup, mode, address, port, ...parameters(duration.seconds)]
    const limit = duration.warmup + duration.seconds + GRACE_SECONDS
    const finished = await run(place.client, placement, generator, all.map(String), limit)
    return parseSample(finished.output, finished.complaints, figure)
  }
}

const LOSSY_LINK: Link = { milliseconds: 10, loss: 0.01 }
/** With one, the figure would tell more of where chance struck than of what was made of it. They do not fill the link. */
const LOSSY_CONNECTIONS = 16

/** The same load several times at once; the figure is the sum. */
function atOnce(count: number, load: Load): Load {
  return async (setting) => {
    const samples = await Promise.all(Array.from({ length: count }, () => load(setting)))
    return {
      value: samples.reduce((sum, { value }) => sum + value, 0),
      beginNanoseconds: Math.min(...samples.map((each) => each.beginNanoseconds)),
      endNanoseconds: Math.max(...samples.map((each) => each.endNanoseconds)),
      details: { each: samples.map((each) => ({ gigabitsPerSecond: each.value, ...each.details })) },
    }
  }
}

/** wrk knows whole seconds only, and no warm-up: that is a run of its own. */
async function wrk({ place, placement, duration, watch }: Setting): Promise<Sample> {
  const once = async (seconds: number): Promise<Sample> => {
    const whole = Math.max(1, Math.round(seconds))
    const parameters = ['-t1', `-c${HTTP_CONNECTIONS}`, `-d${whole}s`, '--latency', `http://${SUBJECT_ADDRESS}/`]
    const beginNanoseconds = Number(process.hrtime.bigint())
    const { output, complaints } = await run(place.client, placement, 'wrk', parameters, whole + GRACE_SECONDS)
    const endNanoseconds = Number(process.hrtime.bigint())
    const field = (pattern: RegExp) => pattern.exec(output)?.[1]
    const value = Number(field(/Requests\/sec:\s+([\d.]+)/) ?? 0)
    if (!(value > 0)) throw new Error(`wrk: ${complaints.trim() || output.trim()}`)
    const errors = field(/(Socket errors: .*)/) ?? field(/(Non-2xx or 3xx responses: .*)/)
    if (errors !== undefined) throw new Error(`wrk: ${errors}`)
    const details = { p50: field(/50%\s+(\S+)/), p99: field(/99%\s+(\S+)/) }
    return { value, beginNanoseconds, endNanoseconds, details }
  }
  await once(duration.warmup)
  watch.start(0, Math.max(1, Math.round(duration.seconds)))
  return once(duration.seconds)
}

/** What curl says when its time is up, which is how each of these transfers ends. */
const CURL_TIME_IS_UP = 28

/**
 * Transfers before the one that counts, each as long as a warm-up. In bulk what the engine compiles is called a few thousand times a
 * second only, so that one second is not enough for it to be compiled; and some of it is compiled once more after a connection has
 * ended for the first time.
 */
const WARM_UPS = 5

/**
 * TLS in bulk, with curl as the peer: it has OpenSSL, as Node has, so that both ends take about as long for a record. It knows
 * no warm-up: that is a few transfers of their own. The service speaks no more HTTP than curl asks for.
 */
function curl(port: number, direction: 'download' | 'upload'): Load {
  const upload = ['--upload-file', '/dev/zero', '--header', 'Expect:']
  return async ({ place, placement, duration, watch }) => {
    const once = async (seconds: number): Promise<Sample> => {
      const how = ['--silent', '--insecure', '--http1.1', '--max-time', String(seconds), '--output', '/dev/null']
      const what = direction === 'upload' ? upload : []
      const report = ['--write-out', `{"bytesPerSecond":%{speed_${direction}},"bytes":%{size_${direction}}}\n`]
      const beginNanoseconds = Number(process.hrtime.bigint())
      const parameters = [...how, ...what, ...report, `https://${SUBJECT_ADDRESS}:${port}/`]
      const { code, output, complaints } = await run(
        place.client,
        placement,
        'curl',
        parameters,
        seconds + GRACE_SECONDS,
      )
      const endNanoseconds = Number(process.hrtime.bigint())
      if (code !== CURL_TIME_IS_UP) throw new Error(`curl ended with ${code}: ${complaints.trim() || output.trim()}`)
      const { bytesPerSecond, bytes } = JSON.parse(output)
      return { value: (bytesPerSecond * 8) / 1e9, beginNanoseconds, endNanoseconds, details: { bytes } }
    }
    for (let i = 0; i < WARM_UPS; i++) await once(Math.max(0.1, duration.warmup))
    watch.start(0, duration.seconds)
    const sample = await once(duration.seconds)
    if (sample.value === 0) throw new Error('curl: not a byte went over')
    return sample
  }
}

const CLOSE_PORT = 13
const MEMORY_PORT = 15
/** A little more than `REST_AFTER` of src/tcp/resting.ts and the longest first retransmission timeout. */
const REST_SECONDS = 7
/** What one of them may take on a slow machine, opening and one exchange together. */
const MILLISECONDS_EACH_OF_CROWD = 1

/** Many idle connections: what each takes of the subject's memory is the first figure. */
async function crowd({ place, placement, generator, duration, crowd: count, watch }: Setting): Promise<Sample> {
  watch.start(duration.warmup, duration.seconds)
  const options = ['--warmup', duration.warmup, '--sources', 'many']
  const parameters = ['crowd', SUBJECT_ADDRESS, 7, count, duration.seconds, CLOSE_PORT, MEMORY_PORT, REST_SECONDS]
  const limit =
    REST_SECONDS +
    2 * (duration.warmup + duration.seconds + GRACE_SECONDS) +
    (count * MILLISECONDS_EACH_OF_CROWD) / 1000
  const finished = await run(place.client, placement, generator, [...options, ...parameters].map(String), limit)
  const sample = parseSample(finished.output, finished.complaints, 'idle')
  return { ...sample, value: bytesEach(sample.details, 'idleMemory') }
}

/** Objects and buffers; what the kernel or the device hold is the same whatever there is in the process. */
function bytesEach(details: Record<string, unknown>, when: 'idleMemory' | 'usedMemory'): number {
  const bytes = (memory: unknown) => {
    const { heapUsed, external } = memory as NodeJS.MemoryUsage
    return heapUsed + external
  }
  return (bytes(details[when]) - bytes(details.fewMemory)) / (Number(details.many) - Number(details.few))
}

/** The measurements in the order of the table, with their goals. */
export const measurements: readonly Measurement[] = [
  {
    name: 'receive',
    title: 'one connection, kernel to subject',
    unit: 'Gbit/s',
    decimals: 2,
    service: 'discard',
    port: 9,
    goal: { ratio: 1.1 },
    load: generate('send', 9, 'gigabitsPerSecond', (seconds) => [seconds]),
    placement: 'apart',
  },
  {
    name: 'send',
    title: 'one connection, subject to kernel',
    unit: 'Gbit/s',
    decimals: 2,
    service: 'chargen',
    port: 19,
    goal: { ratio: 0.9 },
    load: generate('receive', 19, 'gigabitsPerSecond', (seconds) => [seconds]),
    placement: 'apart',
  },
  {
    name: 'request-response',
    title: '64-byte request and response',
    unit: 'round trips/s',
    decimals: 0,
    service: 'echo',
    port: 7,
    goal: { ratio: 0.9 },
    load: generate('pingpong', 7, 'roundTripsPerSecond', (seconds) => [REQUEST_BYTES, seconds]),
    // One waits while the other works: a second core would add nothing but wake-ups across cores.
    placement: 'together',
  },
  {
    name: 'receive-ipv6',
    group: 'ipv6',
    title: 'one connection over IPv6, kernel to subject',
    unit: 'Gbit/s',
    decimals: 2,
    service: 'discard',
    address: SUBJECT_ADDRESS_6,
    port: 9,
    goal: { ratio: 0.99 },
    load: generate('send', 9, 'gigabitsPerSecond', (seconds) => [seconds], SUBJECT_ADDRESS_6),
    placement: 'apart',
  },
  {
    name: 'send-ipv6',
    group: 'ipv6',
    title: 'one connection over IPv6, subject to kernel',
    unit: 'Gbit/s',
    decimals: 2,
    service: 'chargen',
    address: SUBJECT_ADDRESS_6,
    port: 19,
    goal: { ratio: 0.81 },
    load: generate('receive', 19, 'gigabitsPerSecond', (seconds) => [seconds], SUBJECT_ADDRESS_6),
    placement: 'apart',
  },
  {
    name: 'request-response-ipv6',
    group: 'ipv6',
    title: '64-byte request and response over IPv6',
    unit: 'round trips/s',
    decimals: 0,
    service: 'echo',
    address: SUBJECT_ADDRESS_6,
    port: 7,
    goal: { ratio: 0.81 },
    load: generate('pingpong', 7, 'roundTripsPerSecond', (seconds) => [REQUEST_BYTES, seconds], SUBJECT_ADDRESS_6),
    placement: 'together',
  },
  {
    name: 'connections',
    title: `connect, accept, close; ${CONNECTIONS_AT_ONCE} at once`,
    unit: 'connections/s',
    decimals: 0,
    service: 'close',
    port: 13,
    goal: { ratio: 1.5 },
    load: generate('connect', 13, 'connectionsPerSecond', (seconds) => [seconds, CONNECTIONS_AT_ONCE]),
    placement: 'apart',
  },
  {
    name: 'connections-idle',
    group: 'connections',
    title: 'memory of each of very many that nobody has used yet',
    unit: 'bytes',
    decimals: 0,
    service: 'crowd',
    port: 7,
    goal: { most: 2048 },
    load: crowd,
    placement: 'apart',
    once: true,
    alone: true,
    nodeOptions: ['--expose-gc'],
    further: [
      {
        name: 'connections-used',
        title: 'memory of each, idle again after a request and a response of 64 bytes',
        unit: 'bytes',
        decimals: 0,
        goal: { most: 2048 },
        of: (details) => bytesEach(details, 'usedMemory'),
      },
      {
        name: 'connections-rate',
        title: 'others that come and go meanwhile, as a share of the rate beside 1,000',
        unit: '1',
        decimals: 2,
        goal: { value: 0.5 },
        of: (details) => Number(details.manyRate) / Number(details.fewRate),
      },
    ],
  },
  {
    name: 'lossy-receive',
    group: 'lossy',
    title: `1 % loss, 20 ms; ${LOSSY_CONNECTIONS} connections, kernel to subject`,
    unit: 'Gbit/s',
    decimals: 3,
    service: 'discard-packets',
    port: 9,
    goal: { ratio: 0.8 },
    load: atOnce(
      LOSSY_CONNECTIONS,
      generate('send', 9, 'gigabitsPerSecond', (seconds) => [seconds]),
    ),
    placement: 'apart',
    link: LOSSY_LINK,
  },
  {
    name: 'lossy-send',
    group: 'lossy',
    title: `1 % loss, 20 ms; ${LOSSY_CONNECTIONS} connections, subject to kernel`,
    unit: 'Gbit/s',
    decimals: 3,
    service: 'chargen-packets',
    port: 19,
    goal: { ratio: 0.8 },
    load: atOnce(
      LOSSY_CONNECTIONS,
      generate('receive', 19, 'gigabitsPerSecond', (seconds) => [seconds]),
    ),
    placement: 'apart',
    link: LOSSY_LINK,
  },
  {
    name: 'http-handle',
    group: 'http',
    title: `stack.http: Node's server on a handle; wrk, ${HTTP_CONNECTIONS} connections`,
    unit: 'requests/s',
    decimals: 0,
    service: 'http-handle',
    port: 80,
    goal: { ratio: 0.8 },
    load: wrk,
    placement: 'apart',
  },
  {
    name: 'http-duplex',
    group: 'http',
    title: `node:http on flows as Duplex; wrk, ${HTTP_CONNECTIONS} connections`,
    unit: 'requests/s',
    decimals: 0,
    service: 'http',
    port: 80,
    goal: { ratio: 1.2 },
    load: wrk,
    placement: 'apart',
  },
  {
    name: 'tls-receive',
    group: 'tls',
    title: 'TLS in bulk: kernel to subject, stack.tls',
    unit: 'Gbit/s',
    decimals: 2,
    service: 'tls-discard',
    port: 443,
    goal: { ratio: 0.8 },
    load: curl(443, 'upload'),
    placement: 'apart',
  },
  {
    name: 'tls-send',
    group: 'tls',
    title: 'TLS in bulk: subject to kernel, stack.tls',
    unit: 'Gbit/s',
    decimals: 2,
    service: 'tls-chargen',
    port: 443,
    goal: { ratio: 0.8 },
    load: curl(443, 'download'),
    placement: 'apart',
  },
  {
    name: 'stack-to-stack',
    title: 'both ends in one process',
    unit: 'Gbit/s',
    decimals: 2,
    service: 'pair',
    port: 5001,
    goal: { value: 10 },
    load: null,
    placement: 'apart',
  },
]

/** Takes one sample of a subject that is ready. */
export async function measure(measurement: Measurement, subject: Subject, setting: Setting): Promise<Sample> {
  if (measurement.load !== null) return measurement.load(setting)
  const { warmup, seconds } = setting.duration
  setting.watch.start(warmup, seconds)
  const output = await subject.finished(warmup + seconds + GRACE_SECONDS)
  return parseSample(output, '', 'gigabitsPerSecond')
}
