export type { IcmpCounters } from './counters.ts'
export { type EchoHandler, EchoRequest } from './echo-requests.ts'
export { Icmp, type IcmpOptions, type PingSettings } from './icmp.ts'
export { Icmpv6 } from './icmpv6.ts'
