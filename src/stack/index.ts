export * from './stack.ts'
