export { AbortError } from './abort-error.ts'
export { inRange, integerInRange } from './in-range.ts'
export { installCommand } from './install-command.ts'
export { SystemError, type SystemErrorCode, type SystemErrorDetails } from './system-error.ts'
