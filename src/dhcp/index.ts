export * from './v6/index.ts'
