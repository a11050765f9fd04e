import { integerInRange } from '../../errors/index.ts'
import { type FrameStream, StreamNetif, type StreamNetifOptions } from '../stream-netif.ts'

/** What is needed of an x86 emulator in a browser (v86): the two events of a network card, whose data are frames. */
export interface EmulatorEvents {
  // biome-ignore lint/suspicious/noExplicitAny: the types of v86 have a listener for each of its events, most of which are no frames
  add_listener(event: string, listener: (frame: any) => void): unknown
  // biome-ignore lint/suspicious/noExplicitAny: the same
  remove_listener?(event: string, listener: (frame: any) => void): unknown
  /** The types of v86 leave it out, while its objects have it. */
  readonly bus?: EmulatorBus
}

export interface EmulatorBus {
  send(event: string, frame: Uint8Array): unknown
}

export interface EmulatorOptions extends StreamNetifOptions {
  /** Which of its cards, 0 to 255, default 0: `net0-send` and `net0-receive`. */
  card?: number
}

/**
 * Ethernet between an emulator in the same process and a stack: the cable of one of its network cards.
 *
 * ```ts
 * const emulator = new V86({ ..., net_device: { type: 'virtio' } })
 * const stack = await createStack({ netif: emulatorNetif(emulator), ipv4: '10.0.0.1/24' })
 * ```
 *
 * Frames of one turn of the event loop are one burst; more than twice `queue` of them are dropped, and counted as
 * `receiveQueueFull`.
 * @throws RangeError; TypeError for an emulator without `bus`
 */
export function emulatorNetif(emulator: EmulatorEvents, options: EmulatorOptions = {}): StreamNetif {
  const card = integerInRange('card', options.card ?? 0, 0, 255)
  if (typeof emulator.bus?.send !== 'function')
    throw new TypeError('an emulator has a bus to send to, as those of v86 have')
  return new StreamNetif(new EmulatorStream(emulator, emulator.bus, `net${card}`), { name: `net${card}`, ...options })
}

class EmulatorStream implements FrameStream {
  readonly #emulator: EmulatorEvents
  readonly #bus: EmulatorBus
  readonly #card: string
  #listener: ((frame: Uint8Array) => void) | null = null

  constructor(emulator: EmulatorEvents, bus: EmulatorBus, card: string) {
    this.#emulator = emulator
    this.#bus = bus
    this.#card = card
  }

  on(event: string, listener: (value: unknown) => void): void {
    if (event !== 'data') return
    // It is a view of the emulated card's memory, which is written over with the next frame.
    this.#listener = (frame) => listener(frame instanceof Uint8Array ? frame.slice() : frame)
    this.#emulator.add_listener(`${this.#card}-send`, this.#listener)
  }

  write(frame: Uint8Array): boolean {
    this.#bus.send(`${this.#card}-receive`, frame)
    return true
  }

  /** A card knows no such thing. */
  pause(): void {}

  resume(): void {}

  destroy(): void {
    if (this.#listener !== null) this.#emulator.remove_listener?.(`${this.#card}-send`, this.#listener)
    this.#listener = null
  }
}
