export * from './ip.ts'
