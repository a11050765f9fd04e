export { FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT, pickEphemeralPort } from './ephemeral-ports.ts'
export * from './ip.ts'
