export { Checksum, type ChecksumEngine } from './checksum.ts'
export { combine, finish, fold } from './fold.ts'
export { updateWord16, updateWord32 } from './incremental.ts'
export {
  addressSum4,
  addressSum6,
  pseudoHeaderSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
  sumWord32,
} from './pseudo-header.ts'
export { sumBytes } from './sum-bytes.ts'
