export * from './v4/index.ts'
export * from './v6/index.ts'
