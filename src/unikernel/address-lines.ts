import { networkInterfaces } from 'node:os'
import type { IpAddress } from '../address/index.ts'
import { parseInterface } from '../netif/index.ts'
import type { MadeStack } from './made-devices.ts'

/** How often it is looked whether the application listens already, in milliseconds. */
const LOOK_INTERVAL = 20
/** An application that listens nowhere in this time, in milliseconds, is shown with what it has. */
const PATIENCE = 2_000
const NOT_YET = ' (nothing listens yet)'

/** One network, and which lines about it there were. */
interface Shown {
  readonly made: MadeStack
  /** By address: whether its line is out, with that note or without. */
  readonly lines: Map<string, 'waits' | 'noted' | 'out'>
  /** `waits` for the first listener, or until patience is over, then everything is shown as it comes. */
  state: 'waits' | 'seen' | 'noting' | 'open'
}

/**
 * One line for each address that an application answers on, as soon as it listens there or `start` has returned, and from then on
 * whenever one comes or goes: whoever waits for the line may connect.
 */
export class AddressLines {
  readonly #name: string
  readonly #write: (line: string) => unknown
  readonly #networks: readonly Shown[]
  readonly #timer: NodeJS.Timeout
  readonly #since = performance.now()

  /** @param name the instance's */
  constructor(name: string, stacks: readonly MadeStack[], write: (line: string) => unknown) {
    this.#name = name
    this.#write = write
    this.#networks = stacks.map((made) => ({ made, lines: new Map(), state: 'waits' }))
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL)
    this.#timer.unref()
    for (const network of this.#networks) this.#watch(network)
  }

  /** The application has begun whatever it does. */
  started(): void {
    for (const network of this.#networks) this.#open(network)
    this.end()
  }

  /** No line is waited with any more. */
  end(): void {
    clearInterval(this.#timer)
  }

  #watch(network: Shown): void {
    const { stack, values } = network.made
    stack.onAddress(({ type, prefix, interface: zone }) => {
      const text = withZone(prefix.address, zone)
      if (type === 'added') this.#added(network, text)
      else if (type === 'removed') this.#removed(network, text)
    })
    // A pattern such as tap%d has become the name of a device.
    const own =
      stack.kind === 'direct' ? ((stack as { zone?: string }).zone ?? parseInterface(values.interface).name) : null
    for (const { address } of stack.addresses) {
      if (!isZoned(address)) this.#added(network, `${address}`)
      else for (const zone of own === null ? zonesOf(address) : [own]) this.#added(network, withZone(address, zone))
    }
  }

  #added(network: Shown, text: string): void {
    if (network.lines.has(text)) return
    network.lines.set(text, 'waits')
    if (network.state === 'open') this.#show(network, text)
    else if (network.state === 'noting') this.#note(network, text)
  }

  #removed(network: Shown, text: string): void {
    const wasSaid = (network.lines.get(text) ?? 'waits') !== 'waits'
    network.lines.delete(text)
    if (wasSaid) this.#say(network, `no longer answers on ${text}`)
  }

  #look(): void {
    const isOver = performance.now() - this.#since > PATIENCE
    for (const network of this.#networks) {
      if (network.state !== 'waits' && network.state !== 'seen') continue
      // Once more, since many listen for TCP and then for UDP.
      if (network.state === 'seen') this.#open(network)
      else if (network.made.tracked.isListening) network.state = 'seen'
      else if (isOver) {
        network.state = 'noting'
        for (const text of network.lines.keys()) this.#note(network, text)
      }
    }
    if (this.#networks.every(({ state }) => state === 'open' || state === 'noting')) this.end()
  }

  #open(network: Shown): void {
    if (network.state === 'open') return
    network.state = 'open'
    for (const [text, line] of network.lines) {
      if (line === 'waits' || network.made.tracked.isListening) this.#show(network, text)
    }
  }

  #show(network: Shown, text: string): void {
    network.lines.set(text, 'out')
    this.#say(network, `answers on ${text}`)
  }

  #note(network: Shown, text: string): void {
    if (network.made.tracked.isListening) {
      this.#show(network, text)
    } else {
      network.lines.set(text, 'noted')
      this.#say(network, `answers on ${text}`, NOT_YET)
    }
  }

  #say({ made }: Shown, what: string, note = ''): void {
    const { group } = made.device
    this.#write(`${this.#name} ${what}${group === null ? '' : ` (${group})`}${note}\n`)
  }
}

/** `fe80::1%tap0`: what a person on this machine has to write to reach it; RFC 4007, section 11. */
function withZone(address: IpAddress, zone: string): string {
  return isZoned(address) ? `${address}%${zone}` : address.toString()
}

function isZoned(address: IpAddress): boolean {
  return address.family === 6 && address.isLinkLocal
}

/** The interfaces of the operating system that have an address: of a link-local one there may be several. */
function zonesOf(address: IpAddress): string[] {
  return Object.entries(networkInterfaces())
    .filter(([, own]) => own?.some((each) => each.address === `${address}`))
    .map(([name]) => name)
}
