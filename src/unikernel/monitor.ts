/** Measurements of a run for a monitoring server, after MirageOS's `mirage-monitoring`: pushed, each with the instance's name. */
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { Log } from '../log/index.ts'
import { countersOf, DirectStack, type Stack } from '../stack/index.ts'
import { Delivery, type TlsIdentity } from './delivery.ts'
import type { Destination } from './destination.ts'
import type { Lifecycle } from './lifecycle.ts'
import { type Measurement, measurementLines } from './line-protocol.ts'
import type { LogEntry, Logs } from './logs.ts'

/** As of Telegraf's `socket_listener`, and of mirage-monitoring. */
export const MONITOR_PORT = 8094
/** What fits into a datagram wherever it goes. */
const LONGEST_DATAGRAM = 1_200
const LONGEST_LINE = 65_536

export interface MonitorOptions {
  readonly server: Destination
  readonly tls?: TlsIdentity
  /** Milliseconds. */
  readonly interval: number
  /** What this instance is called. */
  readonly name: string
  readonly lifecycle: Pick<Lifecycle, 'memory'>
  readonly logs: Logs
  readonly log: Log
}

/** A network of the run. */
export interface MonitoredStack {
  readonly stack: Stack
  readonly group: string | null
}

/** Says every so often what a run uses and what its layers have counted. */
export class Monitor {
  readonly #options: MonitorOptions
  readonly #stacks: readonly MonitoredStack[]
  readonly #delivery: Delivery
  readonly #timer: NodeJS.Timeout
  readonly #logged: Record<LogEntry['level'], number> = { error: 0, warn: 0, app: 0, info: 0, debug: 0 }
  #loop: EventLoopUtilization = performance.eventLoopUtilization()

  /** @param stack what it is sent over @param stacks what is measured */
  constructor(stack: Stack, stacks: readonly MonitoredStack[], options: MonitorOptions) {
    this.#options = options
    this.#stacks = stacks
    const { server, tls = {}, log, interval, logs } = options
    const { host, port, certificateName } = server
    this.#delivery = new Delivery(stack, {
      host,
      port: port ?? MONITOR_PORT,
      transport: server.transport ?? 'tcp',
      certificateName,
      tls,
      what: 'monitor',
      log,
    })
    logs.onEntry(({ level }) => this.#logged[level]++)
    this.#timer = setInterval(() => this.#measure(), interval)
    this.#measure()
  }

  /** Measures once more, and sends it within so many milliseconds. */
  async close(within: number): Promise<void> {
    clearInterval(this.#timer)
    this.#measure()
    await this.#delivery.close(within)
  }

  #measure(): void {
    const isDatagram = this.#options.server.transport === 'udp'
    const time = BigInt(Date.now()) * 1_000_000n
    const longest = isDatagram ? LONGEST_DATAGRAM : LONGEST_LINE
    const lines = this.#measurements().flatMap((each) => measurementLines(each, time, longest))
    if (!isDatagram) this.#delivery.send(Buffer.from(lines.join('')))
    else this.#sendDatagrams(lines)
  }

  #sendDatagrams(lines: readonly string[]): void {
    for (let from = 0; from < lines.length; ) {
      let text = lines[from++]
      while (from < lines.length && text.length + lines[from].length <= LONGEST_DATAGRAM) text += lines[from++]
      this.#delivery.send(Buffer.from(text))
    }
  }

  #measurements(): Measurement[] {
    const tags = { vm: this.#options.name }
    const { packets: _packets, ...memory } = this.#options.lifecycle.memory()
    const loop = performance.eventLoopUtilization()
    const { utilization: eventLoopUtilization } = performance.eventLoopUtilization(loop, this.#loop)
    const uptimeSeconds = process.uptime()
    this.#loop = loop
    const { error, warn: warning, app, info, debug } = this.#logged
    return [
      { name: 'process', tags, fields: {}, fractions: { uptimeSeconds, eventLoopUtilization } },
      { name: 'memory', tags, fields: memory },
      { name: 'log', tags, fields: { error, warning, app, info, debug } },
      ...this.#stacks.flatMap(({ stack, group }) => ofStack(stack, group === null ? tags : { ...tags, stack: group })),
    ]
  }
}

/** The operating system keeps to itself what its sockets do. */
function ofStack(stack: Stack, tags: Readonly<Record<string, string>>): Measurement[] {
  if (!(stack instanceof DirectStack)) return []
  const { memory, name: interfaceName } = stack.netif
  const own = { ...tags, interface: interfaceName }
  const { inUse, smallSlots, largeSlots, counters } = memory
  const { smallExhausted, largeExhausted } = counters
  const slots = smallSlots + largeSlots
  return [
    { name: 'packets', tags: own, fields: { inUse, slots, smallExhausted, largeExhausted } },
    ...Object.entries(countersOf(stack)).map(([name, fields]) => ({ name, tags: own, fields })),
  ]
}
