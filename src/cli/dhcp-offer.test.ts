import { describe, expect, test } from 'vitest'
import { IpAddress, IpPrefix } from '../address/index.ts'
import { type Dhcpv4Offer, FOREVER } from '../dhcp/index.ts'
import { newMessage } from '../dhcp/v4/message.ts'
import { offerAsJson, offerAsText } from './dhcp-offer.ts'

const offer = (options: Partial<Dhcpv4Offer['options']>, isUsable = true): Dhcpv4Offer => {
  return {
    server: '10.0.0.1',
    address: '10.0.0.50',
    options: newMessage({}, { type: 2, ...options }).options,
    isUsable,
  }
}
const ip = (text: string) => IpAddress.parse(text)

describe('an offer for people', () => {
  test('with everything', () => {
    const text = offerAsText(
      offer({
        prefixLength: 24,
        leaseTime: 93_784,
        renewAfter: 90,
        rebindAfter: 0,
        routers: [ip('10.0.0.1'), ip('10.0.0.2')],
        classlessRoutes: [
          { destination: IpPrefix.parse('172.16.0.0/12'), gateway: ip('10.0.0.9') },
          { destination: IpPrefix.parse('198.51.100.0/24'), gateway: null },
        ],
        dnsServers: [ip('10.0.0.53')],
        domainName: 'a.example',
        domainSearch: ['a.example', 'b.example'],
        ntpServers: [ip('10.0.0.4')],
        mtu: 1400,
        hostName: 'web-1',
        broadcastAddress: ip('10.0.0.255'),
        ipv6OnlyWait: 1800,
        message: 'hello',
        others: [{ code: 66, bytes: Uint8Array.of(1, 0xab) }],
      }),
    )
    expect(text.split('\n')).toEqual([
      '10.0.0.1 offers 10.0.0.50/24 for 1 d 2 h 3 min 4 s',
      '  renew after     1 min 30 s',
      '  rebind after    0 s',
      '  routers         10.0.0.1, 10.0.0.2',
      '  route           172.16.0.0/12 via 10.0.0.9',
      '  route           198.51.100.0/24 on the link',
      '  name servers    10.0.0.53',
      '  domain          a.example',
      '  search list     a.example, b.example',
      '  time servers    10.0.0.4',
      '  MTU             1400',
      '  host name       web-1',
      '  broadcast       10.0.0.255',
      '  without IPv4    preferred (RFC 8925), 30 min',
      '  message         hello',
      '  option 66       01 ab',
    ])
  })

  test('with nothing, and for ever', () => {
    expect(offerAsText(offer({}, false))).toBe(
      '10.0.0.1 offers 10.0.0.50 for no time that is said, which no host can use',
    )
    expect(offerAsText(offer({ leaseTime: FOREVER, prefixLength: 8 }))).toBe('10.0.0.1 offers 10.0.0.50/8 for ever')
  })
})

test('an offer for programs', () => {
  const routes = [{ destination: IpPrefix.parse('172.16.0.0/12'), gateway: null }]
  const others = [{ code: 66, bytes: Uint8Array.of(1, 0xab) }]
  expect(offerAsJson(offer({ leaseTime: 60, prefixLength: 24, classlessRoutes: routes, others }))).toMatchObject({
    server: '10.0.0.1',
    address: '10.0.0.50',
    prefixLength: 24,
    usable: true,
    leaseTime: 60,
    forever: false,
    routes: [{ destination: '172.16.0.0/12', gateway: null }],
    otherOptions: [{ code: 66, hex: '01ab' }],
  })
  expect(offerAsJson(offer({ leaseTime: FOREVER }))).toMatchObject({ leaseTime: null, forever: true })
})
