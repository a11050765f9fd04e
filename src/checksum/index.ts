export { Checksum } from './checksum.ts'
