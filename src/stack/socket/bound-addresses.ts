import { isIPv4 } from 'node:net'
import { IpAddress, type IpPrefix } from '../../address/index.ts'
import { SystemError } from '../../errors/index.ts'
import { checkAddress } from '../options.ts'

/** What one socket is bound to. Without an address: whatever Node takes for all of both families. */
export interface Binding {
  readonly address?: string
  readonly ipv6Only?: boolean
}

export interface BoundAddressesOptions {
  /** One of the host's addresses, or one of each family: who asks for all addresses gets these. Default: all. */
  address?: string | readonly string[]
  /** Who asks for all addresses gets those of this family; default both. Not together. */
  ipv4Only?: boolean
  ipv6Only?: boolean
}

/** The part of the host's addresses that a stack of its sockets has, as `--ipv4`, `--ipv6` and the like say. */
export class BoundAddresses {
  readonly #v4: string | null
  readonly #v6: string | null
  readonly #ipv4Only: boolean
  readonly #ipv6Only: boolean

  /** @throws TypeError naming the option */
  constructor({ address, ipv4Only = false, ipv6Only = false }: BoundAddressesOptions) {
    if (ipv4Only && ipv6Only) throw new TypeError('ipv4Only and ipv6Only together leave a stack without any addresses')
    const given = [address ?? []].flat().map((each) => checkAddress('address', each))
    const v4 = given.filter((each) => isIPv4(each))
    const v6 = given.filter((each) => !isIPv4(each))
    if (v4.length > 1 || v6.length > 1) throw new TypeError('address is one address, or one of each family')
    this.#v4 = ipv6Only ? null : (v4[0] ?? null)
    this.#v6 = ipv4Only ? null : (v6[0] ?? null)
    // What is of a family that is turned off has no effect.
    this.#ipv4Only = ipv4Only
    this.#ipv6Only = ipv6Only
    if (given.length > 0 && this.#v4 === null && this.#v6 === null) {
      throw new TypeError(`address is of the family that ${ipv4Only ? 'ipv4Only' : 'ipv6Only'} leaves`)
    }
  }

  /** Whether it has only some of the host's addresses. */
  get isRestricted(): boolean {
    return this.#ipv4Only || this.#ipv6Only || this.#isListed
  }

  get #isListed(): boolean {
    return this.#v4 !== null || this.#v6 !== null
  }

  has({ family, address }: IpPrefix): boolean {
    if (this.#isListed) return [this.#v4, this.#v6].some((own) => own !== null && isSame(own, `${address}`))
    return family === 4 ? !this.#ipv6Only : !this.#ipv4Only
  }

  /**
   * What somebody is bound to who asks for this: one socket, or one for each family.
   * @param wanted an address, or `::` or nothing for all, `0.0.0.0` for all of IPv4
   * @throws SystemError EADDRNOTAVAIL for what is not the stack's
   */
  bindings(wanted: string | undefined, ipv6Only: boolean, port: number, syscall: string): readonly Binding[] {
    if (!this.isRestricted) return [{ ...(wanted === undefined ? {} : { address: wanted }), ipv6Only }]
    const four = this.#ipv6Only ? null : this.#isListed ? this.#v4 : '0.0.0.0'
    const six = this.#ipv4Only ? null : this.#isListed ? this.#v6 : '::'
    const isAll = wanted === undefined || wanted === '::'
    const own = isAll ? (ipv6Only ? [six] : [four, six]) : wanted === '0.0.0.0' ? [four] : this.#one(wanted)
    const found = own.filter((each) => each !== null)
    if (found.length === 0) {
      const names = [four, six].filter((each) => each !== null).join(' and ')
      const hint = `this stack is bound to ${names} alone`
      throw new SystemError('EADDRNOTAVAIL', syscall, { address: wanted ?? '::', port, hint })
    }
    return found.map((address) => ({ address, ipv6Only: address.includes(':') }))
  }

  #one(wanted: string): (string | null)[] {
    if (this.#isListed) return [this.#v4, this.#v6].filter((own) => own !== null && isSame(own, wanted))
    return [(isIPv4(wanted) ? this.#ipv6Only : this.#ipv4Only) ? null : wanted]
  }
}

/** However they are written, and without zones. */
function isSame(one: string, other: string): boolean {
  const plain = (text: string) => IpAddress.tryParse(text.replace(/%.*/, ''))
  const parsed = plain(one)
  return parsed !== null && plain(other)?.equals(parsed) === true
}
