export { SystemError, type SystemErrorCode, type SystemErrorDetails } from './system-error.ts'
