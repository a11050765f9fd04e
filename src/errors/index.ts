export { AbortError } from './abort-error.ts'
export { SystemError, type SystemErrorCode, type SystemErrorDetails } from './system-error.ts'
