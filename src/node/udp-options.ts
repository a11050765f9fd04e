/** The options of one `dgram.Socket`, as libuv and Linux take them; each call answers 0 or the number of an error. */
import type { IpAddress, IpFamily } from '../address/index.ts'
import type { DirectStack } from '../stack/index.ts'
import type { UdpBinding } from '../udp/index.ts'
import { type DatagramQueue, DEFAULT_BUFFER } from './datagram-queue.ts'
import { errorNumber } from './error-numbers.ts'
import { interfaceOf, isOwn } from './interfaces.ts'
import { loopback, parseAddress } from './socket-addresses.ts'

/** Linux SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF: what a size that is smaller becomes. */
const LEAST_RECEIVE_BUFFER = 2304
const LEAST_SEND_BUFFER = 4608
/** Sizes are an `int`. */
const LARGEST_SIZE = 2 ** 31 - 1

/** Where a call that fails says why. */
export interface BufferSizeContext {
  errno?: number
  code?: string
  message?: string
  syscall?: string
}

export class UdpOptions {
  /** Whether there is a socket to set them of; Node's has a descriptor only once it is bound. */
  isOpen = false
  broadcast = false
  readonly #stack: DirectStack
  readonly #family: IpFamily
  readonly #queue: DatagramQueue
  #binding: UdpBinding | null = null
  #hopLimit = 0
  #multicastHopLimit = 1
  #multicastLoopback = true
  #multicastSource: IpAddress | null = null
  #sendBuffer = DEFAULT_BUFFER

  constructor(stack: DirectStack, family: IpFamily, queue: DatagramQueue) {
    this.#stack = stack
    this.#family = family
    this.#queue = queue
  }

  /** From now on they are those of `binding`. */
  moveTo(binding: UdpBinding | null): void {
    this.#binding = binding
    if (binding === null) return
    binding.broadcast = this.broadcast
    binding.hopLimit = this.#hopLimit
    binding.multicastHopLimit = this.#multicastHopLimit
    binding.multicastLoopback = this.#multicastLoopback
    binding.multicastSource = this.#multicastSource
  }

  #apply(): number {
    this.moveTo(this.#binding)
    return 0
  }

  setBroadcast(on: number): number {
    if (!this.isOpen) return errorNumber('EBADF')
    this.broadcast = on !== 0
    return this.#apply()
  }

  setTTL(hops: number): number {
    const whole = hops | 0
    if (whole < 1 || whole > 255) return errorNumber('EINVAL')
    if (!this.isOpen) return errorNumber('EBADF')
    this.#hopLimit = whole
    return this.#apply()
  }

  setMulticastTTL(hops: number): number {
    const whole = hops | 0
    if (whole < 0 || whole > 255) return errorNumber('EINVAL')
    if (!this.isOpen) return errorNumber('EBADF')
    this.#multicastHopLimit = whole
    return this.#apply()
  }

  setMulticastLoopback(on: number): number {
    if (!this.isOpen) return errorNumber('EBADF')
    this.#multicastLoopback = on !== 0
    return this.#apply()
  }

  setMulticastInterface(text: string): number {
    const family: IpFamily = text.includes(':') ? 6 : 4
    const parsed = parseAddress(text, family)
    if (parsed === null) return errorNumber('EINVAL')
    if (!this.isOpen) return errorNumber('EBADF')
    // The level of IPv6 is unknown to a socket of IPv4; that of IPv4 is there for mapped addresses.
    if (family === 6 && this.#family === 4) return errorNumber('ENOPROTOOPT')
    const kind = interfaceOf(this.#stack, text, family)
    if (kind === 'ENODEV') return errorNumber('EADDRNOTAVAIL')
    const { address } = parsed
    if (kind === 'loopback') this.#multicastSource = family === 4 ? address : loopback(6)
    else this.#multicastSource = family === 4 && isOwn(this.#stack, address) ? address : null
    return this.#apply()
  }

  /** Where datagrams to groups of a family leave from, if that was set. */
  multicastSourceOf(family: IpFamily): IpAddress | null {
    return this.#multicastSource?.family === family ? this.#multicastSource : null
  }

  /**
   * SO_RCVBUF and SO_SNDBUF as Linux has them: it doubles what is asked for and keeps it below a bound.
   * @param size 0 asks
   */
  bufferSize(size: number, isReceive: boolean, context: BufferSizeContext): number | undefined {
    const syscall = isReceive ? 'uv_recv_buffer_size' : 'uv_send_buffer_size'
    if (size > LARGEST_SIZE) {
      Object.assign(context, { errno: errorNumber('EINVAL'), code: 'EINVAL', message: 'invalid argument', syscall })
      return undefined
    }
    if (!this.isOpen) {
      Object.assign(context, { errno: errorNumber('EBADF'), code: 'EBADF', message: 'bad file descriptor', syscall })
      return undefined
    }
    if (size !== 0) {
      const least = isReceive ? LEAST_RECEIVE_BUFFER : LEAST_SEND_BUFFER
      const granted = Math.max(Math.min(size, DEFAULT_BUFFER) * 2, least)
      if (isReceive) this.#queue.limit = granted
      else this.#sendBuffer = granted
    }
    return isReceive ? this.#queue.limit : this.#sendBuffer
  }
}
