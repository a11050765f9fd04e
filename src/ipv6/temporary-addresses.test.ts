import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type IpAddress, IpPrefix } from '../address/index.ts'
import { MINUTE, type Microseconds, SECOND, SeededRandom } from '../clock/index.ts'
import { TemporaryAddresses, type TemporaryAddressOwner, type TemporaryAddressSettings } from './temporary-addresses.ts'

const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const PREFIX = IpPrefix.parse('2001:db8::/64')

/** Runs the machine in time of its own, and writes down what it asks for. */
class Host implements TemporaryAddressOwner {
  now: Microseconds = 0
  readonly log: { at: Microseconds; what: string; address: string }[] = []
  readonly configured = new Map<string, { deprecated: boolean }>()
  readonly machine: TemporaryAddresses
  taken = 0

  constructor(settings: Partial<TemporaryAddressSettings> = {}, seed = 1) {
    this.machine = new TemporaryAddresses(PREFIX, new SeededRandom(seed), this, settings)
  }
  isKnown(address: IpAddress): boolean {
    return this.configured.has(address.toString()) || this.taken-- > 0
  }
  addTemporary(address: IpAddress): void {
    this.#write('add', address)
    this.configured.set(address.toString(), { deprecated: false })
  }
  setDeprecated(address: IpAddress, deprecated: boolean): void {
    this.#write(deprecated ? 'deprecate' : 'prefer', address)
    this.configured.get(address.toString())!.deprecated = deprecated
  }
  removeTemporary(address: IpAddress): void {
    this.#write('remove', address)
    expect(this.configured.delete(address.toString())).toBe(true)
  }
  givesUp(prefix: IpPrefix): void {
    this.log.push({ at: this.now, what: 'give up', address: prefix.toString() })
  }
  advertise(preferred: Microseconds, valid: Microseconds): void {
    this.machine.prefixInformation(this.now, this.now + preferred, this.now + valid)
  }
  runTo(time: Microseconds): void {
    for (;;) {
      const next = this.machine.nextDeadline(this.now)
      if (next > time) break
      // It never asks for a time that is past, and what is due is done: no busy loop.
      expect(next).toBeGreaterThan(this.now)
      this.now = next
      this.machine.advance(next)
    }
    this.now = time
    this.machine.advance(time)
  }
  get events(): string[] {
    return this.log.map(({ what }) => what)
  }
  #write(what: string, address: IpAddress): void {
    this.log.push({ at: this.now, what, address: address.toString() })
  }
}

describe('RFC 8981', () => {
  test('3.4, step 3: the first advertisement brings an address, with lifetimes of step 4', () => {
    const host = new Host()
    host.advertise(7 * DAY, 30 * DAY)
    expect(host.events).toEqual(['add'])
    const [address] = host.machine.addresses
    expect(PREFIX.contains(address.address)).toBe(true)
    expect(address.validUntil).toBe(2 * DAY)
    // TEMP_PREFERRED_LIFETIME less DESYNC_FACTOR, which is at most 0.4 of it.
    expect(address.preferredUntil).toBeLessThanOrEqual(DAY)
    expect(address.preferredUntil).toBeGreaterThanOrEqual(0.6 * DAY)
  })

  test('3.4, step 4: no lifetime is longer than that of the prefix', () => {
    const host = new Host()
    host.advertise(HOUR, 2 * HOUR)
    expect(host.machine.addresses).toMatchObject([{ preferredUntil: HOUR, validUntil: 2 * HOUR }])
  })

  test('3.4, step 5: none is made that would be preferred for REGEN_ADVANCE or less', () => {
    const host = new Host()
    // 2 s and three attempts of 1 s.
    expect(host.machine.regenerationAdvance).toBe(5 * SECOND)
    host.advertise(0, DAY)
    host.advertise(5 * SECOND, DAY)
    expect(host.events).toEqual([])
    host.advertise(5 * SECOND + 1, DAY)
    expect(host.events).toEqual(['add'])
  })

  test('3.4, step 2: however often the prefix is renewed, no address outlives its limits', () => {
    const host = new Host()
    const born = new Map<string, Microseconds>()
    for (; host.now < 10 * DAY; host.runTo(host.now + 10 * MINUTE)) {
      host.advertise(HOUR, 7 * DAY)
      // Some address is preferred at any time.
      expect([...host.configured.values()].some(({ deprecated }) => !deprecated)).toBe(true)
      expect(host.configured.size).toBeLessThanOrEqual(4)
    }
    for (const { what, address, at } of host.log) {
      if (what === 'add') born.set(address, at)
      if (what === 'deprecate') expect(at - born.get(address)!).toBeLessThanOrEqual(DAY)
      if (what === 'deprecate') expect(at - born.get(address)!).toBeGreaterThanOrEqual(0.6 * DAY)
      if (what === 'remove') expect(at - born.get(address)!).toBe(2 * DAY)
    }
    expect(born.size).toBeGreaterThanOrEqual(10)
    expect(born.size).toBeLessThanOrEqual(17)
  })

  test('3.5: the next address is made REGEN_ADVANCE before the last one is deprecated', () => {
    const host = new Host()
    host.advertise(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    host.runTo(3 * DAY)
    const added = host.log.filter(({ what }) => what === 'add')
    const deprecated = host.log.filter(({ what }) => what === 'deprecate')
    expect(deprecated.length).toBeGreaterThanOrEqual(2)
    deprecated.forEach(({ at, address }, i) => {
      expect(address).toBe(added[i].address)
      expect(added[i + 1].at).toBe(at - 5 * SECOND)
    })
    expect(new Set(added.map(({ address }) => address)).size).toBe(added.length)
  })

  test('a prefix that is withdrawn and comes back: its address is deprecated and preferred again', () => {
    const host = new Host()
    host.advertise(DAY, 2 * DAY)
    host.runTo(MINUTE)
    host.advertise(0, 2 * HOUR)
    expect(host.events).toEqual(['add', 'deprecate'])
    host.runTo(2 * MINUTE)
    host.advertise(DAY, 2 * DAY)
    expect(host.events).toEqual(['add', 'deprecate', 'prefer'])
    expect(host.machine.addresses[0].validUntil).toBe(2 * DAY)
  })

  test('the end of the prefix is the end of its addresses', () => {
    const host = new Host()
    host.advertise(MINUTE, HOUR)
    host.runTo(DAY)
    expect(host.log.map(({ at, what }) => [what, at])).toEqual([
      ['add', 0],
      ['deprecate', MINUTE],
      ['remove', HOUR],
    ])
    expect(host.machine.nextDeadline(host.now)).toBe(Number.POSITIVE_INFINITY)
  })

  test('3.4, step 7: a duplicate is replaced; after three in a row there are no more in this network', () => {
    const host = new Host()
    host.advertise(DAY, 2 * DAY)
    const newest = () => host.machine.addresses.at(-1)!.address
    host.machine.duplicate(host.now, newest())
    host.machine.duplicate(host.now, newest())
    // One that is nobody else's begins the count anew.
    host.machine.confirmed(newest())
    host.machine.duplicate(host.now, newest())
    host.machine.duplicate(host.now, newest())
    expect(host.events).not.toContain('give up')
    host.machine.duplicate(host.now, newest())
    expect(host.events.slice(-2)).toEqual(['remove', 'give up'])
    host.advertise(DAY, 2 * DAY)
    host.runTo(DAY)
    expect(host.machine.addresses).toEqual([])
    // 3.6: another network, another chance.
    host.machine.reset()
    host.advertise(DAY, 2 * DAY)
    expect(host.machine.addresses).toHaveLength(1)
  })

  test('an address that is known already is not drawn', () => {
    const host = new Host()
    const twin = new Host()
    twin.taken = 2
    host.advertise(DAY, DAY)
    twin.advertise(DAY, DAY)
    expect(twin.machine.addresses[0].address.equals(host.machine.addresses[0].address)).toBe(false)
  })

  test('3.3.1 and 3.8: two hosts differ in identifier and in DESYNC_FACTOR', () => {
    const hosts = [new Host({}, 1), new Host({}, 2)]
    for (const host of hosts) host.advertise(7 * DAY, 7 * DAY)
    const [one, other] = hosts.map((host) => host.machine.addresses[0])
    expect(one.address.equals(other.address)).toBe(false)
    expect(one.preferredUntil).not.toBe(other.preferredUntil)
  })

  test('a router that advertises short lifetimes without end makes no more addresses than the limit', () => {
    const host = new Host({ maximumAddresses: 3 })
    for (let i = 0; i < 1000; i++) {
      host.advertise(6 * SECOND, 2 * DAY)
      host.runTo(host.now + 7 * SECOND)
      host.advertise(0, 2 * DAY)
      host.advertise(6 * SECOND, 2 * DAY)
      expect(host.machine.addresses.length).toBeLessThanOrEqual(3)
    }
  })

  test.each([
    [{ preferredLifetime: 8 * SECOND }, 'preferredLifetime'],
    [{ preferredLifetime: 3 * DAY }, 'preferredLifetime'],
    [{ validLifetime: SECOND }, 'validLifetime'],
    [{ maximumAddresses: 0 }, 'maximumAddresses'],
    [{ identifierRetries: 0.5 }, 'identifierRetries'],
    [{ detectionTime: -1 }, 'detectionTime'],
  ])('refuses %j', (settings, name) => {
    expect(() => new Host(settings)).toThrow(name)
  })

  test('whatever routers say and neighbours claim, lifetimes, limits and order hold', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('advertise' as const), preferred: fc.nat(3 * 86_400), valid: fc.nat(5 * 86_400) }),
      fc.record({ kind: fc.constant('wait' as const), seconds: fc.nat(86_400) }),
      fc.record({ kind: fc.constant('duplicate' as const), which: fc.nat(8) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer(), (steps, seed) => {
        const host = new Host({ maximumAddresses: 4, identifierRetries: 5 }, seed)
        let prefixValidUntil = 0
        for (const event of steps) {
          if (event.kind === 'advertise') {
            const preferred = Math.min(event.preferred, event.valid) * SECOND
            host.advertise(preferred, event.valid * SECOND)
            prefixValidUntil = host.now + event.valid * SECOND
          } else if (event.kind === 'wait') host.runTo(host.now + event.seconds * SECOND)
          else {
            const address = host.machine.addresses[event.which]?.address
            if (address !== undefined) host.machine.duplicate(host.now, address)
          }
          const { addresses } = host.machine
          expect(addresses.length).toBeLessThanOrEqual(4)
          expect(addresses.map(({ address }) => address.toString())).toEqual([...host.configured.keys()])
          for (const { created, preferredUntil, validUntil, isDeprecated, address } of addresses) {
            expect(validUntil).toBeGreaterThan(host.now)
            expect(validUntil).toBeLessThanOrEqual(Math.min(created + 2 * DAY, prefixValidUntil))
            expect(preferredUntil).toBeLessThanOrEqual(Math.min(created + DAY, validUntil))
            expect(isDeprecated).toBe(preferredUntil <= host.now)
            expect(host.configured.get(address.toString())!.deprecated).toBe(isDeprecated)
          }
        }
      }),
    )
  })
})
