import { behaviour } from './behaviour.ts'
import { directPair, socketPair } from './pairs.ts'

behaviour('SocketStack', socketPair)
behaviour('DirectStack', directPair)
