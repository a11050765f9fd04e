import { expect, test } from 'vitest'
import { type CreateStackOptions, createStack } from '../../src/stack/index.ts'

// Before a device is opened: these need no rights and leave nothing behind.
test.each([
  [{ net: 'sockets' }, /net is direct or socket, not "sockets"/],
  [{ ipv4: 'fd00::1/64' }, /ipv4 is an IPv4 address/],
  [{ ipv4: 'nonsense' }, /"nonsense"/],
  [{ ipv4Gateway: 'fd00::1' }, /ipv4Gateway is an IPv4 address/],
  [{ dhcpv6: 'on' }, /dhcpv6 is true, false or an object of settings, not "on"/],
  [{ dhcpv6: { mode: 'always' } }, /mode of DHCPv6 is flags, stateful or stateless, not "always"/],
  [{ dhcpv6: { renew: true } }, /no DHCPv6 setting is called renew/],
  [{ ipv4Only: true, ipv6Only: true }, /ipv4Only and ipv6Only together leave a stack without any addresses/],
  [
    { ipv6Only: true, acceptRouterAdvertisements: false, ipv6Settings: { linkLocal: false } },
    /ipv6Only takes an address/,
  ],
  [{ ipv6: '10.0.0.2/24' }, /ipv6 is an IPv6 address/],
  [{ ipv6: 'fd00::2/200' }, /fd00::2 is 0 to 128, not 200/],
  [{ ipv6Gateway: '10.0.0.1' }, /ipv6Gateway is an IPv6 address/],
  [{ tcp: { synRetries: 1.5 } }, /synRetries/],
])('refuses %j', async (options, message) => {
  await expect(createStack(options as CreateStackOptions)).rejects.toThrow(message)
})
