export type { UdpCounters } from './counters.ts'
export { FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT, pickEphemeralPort } from './ports.ts'
export { Udp, type UdpBindError, type UdpBindOptions } from './udp.ts'
export { UdpBinding, type UdpFill, type UdpReceiver, type UdpSendError } from './udp-binding.ts'
