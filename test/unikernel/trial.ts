/** Applications on a virtual network, started from their command lines, with all that they send seen. */
import { EventEmitter } from 'node:events'
import type { MacAddress } from '../../src/address/index.ts'
import { MILLISECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { type Netif, VirtualNetwork, type VirtualPortOptions } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { type CreateStackOptions, createStack, type DirectStack } from '../../src/stack/index.ts'
import { run, type UnikernelContext, unikernel } from '../../src/unikernel/index.ts'
import { type Dissection, dissect } from '../support/dissect.ts'

export interface Outcome {
  code: number
  stdout: string
  stderr: string
  /** What `start` returned. */
  result: unknown
  /** What it sent, in order, from the start to the end. */
  sent: Dissection[]
}

export class ArgumentTrial {
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(3)
  readonly memory = new PacketMemory({ smallSlots: 1024, largeSlots: 32 })
  readonly network = new VirtualNetwork({ clock: this.clock, random: this.random, memory: this.memory })

  /** Of the applications' interface; null for another one in each run. */
  mac: MacAddress | null = null

  /** A host beside it. */
  host(options: CreateStackOptions, link: VirtualPortOptions = {}): Promise<DirectStack> {
    const { clock, random } = this
    const netif = this.network.port(link)
    return clock.settle(createStack({ netif, clock, random, dhcpv6: false, ...options, net: 'direct' }))
  }

  /** Runs an application to its end in virtual time. @param argv behind `--grace=0s` and `--logs=*:warning` */
  async run(argv: readonly string[], start: (context: UnikernelContext) => unknown = () => {}): Promise<Outcome> {
    const { clock, random } = this
    const outcome: Outcome = { code: -1, stdout: '', stderr: '', result: undefined, sent: [] }
    const application = unikernel({
      name: 'trial',
      async start(context) {
        outcome.result = await start(context)
      },
    })
    let ended = false
    const done = run(application, ['--grace=0s', '--logs=*:warning', '--logs-format=text', ...argv], {
      stdout: { write: (text) => (outcome.stdout += text) },
      stderr: { write: (text) => (outcome.stderr += text) },
      signals: new EventEmitter(),
      environment: {},
      sandboxInterface: null,
      createStack: (options) => createStack({ ...options, netif: this.#watched(outcome.sent), clock, random }),
    }).finally(() => {
      ended = true
    })
    while (!ended) await clock.advanceAsync(5 * MILLISECOND)
    outcome.code = await done
    // What was sent last is on its way.
    await clock.advanceAsync(100 * MILLISECOND)
    return outcome
  }

  /** Time for an application that waits for something. */
  async pause(milliseconds: number): Promise<void> {
    const end = this.clock.now() + milliseconds * MILLISECOND
    while (this.clock.now() < end) await new Promise((resolve) => setImmediate(resolve))
  }

  #watched(sent: Dissection[]): Netif {
    const port = this.network.port(this.mac === null ? {} : { mac: this.mac })
    const transmit = port.transmit.bind(port)
    port.transmit = (packet) => {
      sent.push(dissect(packet))
      transmit(packet)
    }
    return port
  }
}
