export { IPV4_MAPPED_WORD, IpAddress, type IpFamily } from './ip-address.ts'
export { IpPrefix } from './ip-prefix.ts'
export { MacAddress } from './mac-address.ts'
