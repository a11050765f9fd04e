import { behaviour } from './behaviour.ts'
import { directPair, socketPair } from './pairs.ts'

behaviour('SocketStack', socketPair)
behaviour('DirectStack over IPv4', () => directPair(4))
behaviour('DirectStack over IPv6', () => directPair(6))
