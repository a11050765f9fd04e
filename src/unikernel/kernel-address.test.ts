import { expect, test } from 'vitest'
import { IpPrefix } from '../address/index.ts'
import { kernelHasAddress } from './kernel-address.ts'

const TABLE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.0.0.0
        /24 link UNICAST
     |-- 10.0.0.3
        /32 link UNICAST
Local:
  +-- 0.0.0.0/0 2 0 2
     +-- 10.0.0.0/24 2 1 2
        |-- 10.0.0.1
           /32 host LOCAL
        |-- 10.0.0.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
`

const said = (ipv4: string, values: object = {}) =>
  kernelHasAddress(
    { net: 'direct', interface: 'tap0', ipv4: IpPrefix.parse(ipv4), ipv6Only: false, ...values } as never,
    TABLE,
  )

test('an address that the kernel has is told of, with the network to choose from', () => {
  const sentence = '--ipv4: this machine has 10.0.0.1 itself, and nobody on it reaches us there; choose another one'
  expect(said('10.0.0.1/24')).toBe(`${sentence} of 10.0.0.0/24`)
  expect(said('10.0.0.1/32')).toBe(sentence)
  expect(said('10.0.0.1/24', { interface: 'packet:eth0' })).toContain('another one of 10.0.0.0/24')
})

test('not one that is routed or broadcast to, nor where the kernel is not beside us', () => {
  expect(['10.0.0.2/24', '10.0.0.3/24', '10.0.0.255/23'].map((each) => said(each))).toEqual([null, null, null])
  for (const values of [
    { net: 'socket' },
    { net: 'host' },
    { ipv6Only: true },
    { interface: 'raw:eth0' },
    { interface: 'unix:/wire' },
    { interface: 'replay:x.pcapng' },
  ]) {
    expect(said('10.0.0.1/24', values)).toBeNull()
  }
  expect(kernelHasAddress({ net: 'direct', interface: 'tap0', ipv4: undefined, ipv6Only: false }, TABLE)).toBeNull()
})
