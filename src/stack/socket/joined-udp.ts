import { isIPv4 } from 'node:net'
import { SystemError } from '../../errors/index.ts'
import { checkAddress } from '../options.ts'
import type { Endpoint, GroupFilter, UdpHandler, UdpSocket } from '../stack.ts'

/** How often another free port is tried, where the first socket's is taken for the second. */
const ATTEMPTS = 10

/** A socket of each family, with one port, as one. */
export class JoinedUdp implements UdpSocket {
  readonly local: Endpoint
  readonly remote = null
  readonly #four: UdpSocket
  readonly #six: UdpSocket

  private constructor(four: UdpSocket, six: UdpSocket) {
    this.#four = four
    this.#six = six
    this.local = { address: '::', port: four.local.port }
  }

  /**
   * @param open makes the socket of one family on a port
   * @param isEnough whether the socket of IPv4 alone will do, where the host has no IPv6
   * @throws as `open`
   */
  static async open(
    port: number,
    isEnough: boolean,
    open: (family: 4 | 6, port: number) => Promise<UdpSocket>,
  ): Promise<UdpSocket> {
    for (let attempt = 1; ; attempt++) {
      const four = await open(4, port)
      try {
        return new JoinedUdp(four, await open(6, four.local.port))
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (isEnough && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL')) return four
        await four.close()
        const isTaken = code === 'EADDRINUSE'
        if (port !== 0 || !isTaken || attempt === ATTEMPTS) throw error
      }
    }
  }

  onDatagram(handler: UdpHandler): void {
    this.#four.onDatagram(handler)
    this.#six.onDatagram(handler)
  }

  onError(handler: (error: Error) => void): void {
    this.#four.onError(handler)
    this.#six.onError(handler)
  }

  send(data: Uint8Array | string, to?: Endpoint): void {
    if (to === undefined) throw new SystemError('EDESTADDRREQ', 'send')
    this.#for('address', to.address).send(data, to)
  }

  joinGroup(group: string, filter?: GroupFilter): void {
    this.#for('group', group).joinGroup(group, filter)
  }

  leaveGroup(group: string): void {
    this.#for('group', group).leaveGroup(group)
  }

  setSourceFilter(group: string, filter: GroupFilter): void {
    this.#for('group', group).setSourceFilter(group, filter)
  }

  setHopLimit(hops: number): void {
    this.#four.setHopLimit(hops)
    this.#six.setHopLimit(hops)
  }

  setMulticastHopLimit(hops: number): void {
    this.#four.setMulticastHopLimit(hops)
    this.#six.setMulticastHopLimit(hops)
  }

  setMulticastLoopback(on: boolean): void {
    this.#four.setMulticastLoopback(on)
    this.#six.setMulticastLoopback(on)
  }

  setMulticastInterface(address: string): void {
    this.#for('address', address).setMulticastInterface(address)
  }

  async close(): Promise<void> {
    await Promise.all([this.#four.close(), this.#six.close()])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #for(name: string, address: string): UdpSocket {
    return isIPv4(checkAddress(name, address)) ? this.#four : this.#six
  }
}
