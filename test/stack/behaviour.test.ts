import { behaviour } from './behaviour.ts'
import { directPair, socketPair } from './pairs.ts'

behaviour('SocketStack over IPv4', () => socketPair(4))
// Groups of IPv6 on the operating system's sockets are in parity.test.ts.
behaviour('SocketStack over IPv6', () => socketPair(6), { groups: false })
behaviour('DirectStack over IPv4', () => directPair(4))
behaviour('DirectStack over IPv6', () => directPair(6))
