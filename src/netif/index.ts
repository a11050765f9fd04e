export * from './netif.ts'
