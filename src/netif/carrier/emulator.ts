import { integerInRange } from '../../errors/index.ts'
import { type FrameStream, StreamNetif, type StreamNetifOptions } from '../stream-netif.ts'

/** What is needed of an x86 emulator in a browser (v86): the two events of a network card, whose data are frames. */
export interface EmulatorEvents {
  // biome-ignore lint/suspicious/noExplicitAny: the types of v86 have a listener for each of its events, most of which are no frames
  add_listener(event: string, listener: (frame: any) => void): unknown
  // biome-ignore lint/suspicious/noExplicitAny: the same
  remove_listener?(event: string, listener: (frame: any) => void): unknown
  /** The types of v86 leave it out, while its objects have it. */
  readonly bus?: Pick<EmulatorBus, 'send'>
}

/** The bus of an emulator itself, as v86 gives it to the function `network_adapter` of its options. */
export interface EmulatorBus {
  send(event: string, frame: Uint8Array): unknown
  register(event: string, listener: (frame: Uint8Array) => void, thisValue?: unknown): unknown
  /** Older ones have none. */
  unregister?(event: string, listener: (frame: Uint8Array) => void): unknown
}

/** What `emulatorNetif` takes. */
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
 * It takes the bus alone as well: `emulatorNetif(emulator.bus)`.
 *
 * Frames of one turn of the event loop are one burst; more than twice `queue` of them are dropped, and counted as
 * `receiveQueueFull`.
 * @throws RangeError; TypeError for an emulator without `bus`
 */
export function emulatorNetif(emulator: EmulatorEvents | EmulatorBus, options: EmulatorOptions = {}): StreamNetif {
  const card = integerInRange('card', options.card ?? 0, 0, 255)
  return new StreamNetif(new EmulatorStream(busOf(emulator), `net${card}`), { name: `net${card}`, ...options })
}

function busOf(emulator: EmulatorEvents | EmulatorBus): EmulatorBus {
  if ('register' in emulator) return emulator
  const { bus } = emulator
  if (typeof bus?.send !== 'function') throw new TypeError('an emulator has a bus to send to, as those of v86 have')
  return {
    send: (event, frame) => bus.send(event, frame),
    register: (event, listener) => emulator.add_listener(event, listener),
    unregister: (event, listener) => emulator.remove_listener?.(event, listener),
  }
}

class EmulatorStream implements FrameStream {
  readonly #bus: EmulatorBus
  readonly #card: string
  #listener: ((frame: Uint8Array) => void) | null = null

  constructor(bus: EmulatorBus, card: string) {
    this.#bus = bus
    this.#card = card
  }

  on(event: string, listener: (value: unknown) => void): void {
    if (event !== 'data') return
    this.#listener = (frame) => {
      // Of an emulated NE2000 it is a view of the card's memory, which is written over with the next frame. An emulator in a
      // context of its own has a Uint8Array of its own, too.
      const isFrame = ArrayBuffer.isView(frame)
      listener(isFrame ? new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength).slice() : frame)
    }
    this.#bus.register(`${this.#card}-send`, this.#listener, this)
  }

  write(frame: Uint8Array): boolean {
    this.#bus.send(`${this.#card}-receive`, frame)
    return true
  }

  /** A card knows no such thing. */
  pause(): void {}

  resume(): void {}

  destroy(): void {
    if (this.#listener !== null) this.#bus.unregister?.(`${this.#card}-send`, this.#listener)
    this.#listener = null
  }
}
