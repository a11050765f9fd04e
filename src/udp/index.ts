export type { UdpCounters } from './counters.ts'
export { Udp, type UdpBindError, type UdpBindOptions } from './udp.ts'
export { UdpBinding, type UdpFill, type UdpReceiver, type UdpSendError } from './udp-binding.ts'
