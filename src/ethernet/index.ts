export { Ethernet, type EthernetCounters, type EthernetHandler } from './ethernet.ts'
export { WaitingPackets } from './waiting-packets.ts'
export { EtherType, HEADER_LENGTH as ETHERNET_HEADER_LENGTH } from './wire.ts'
