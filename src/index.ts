/** What the package `tapstack` offers. Each folder says in its index.ts what of it is for others. */

export * from './address/index.ts'
export * from './capture/index.ts'
export * from './clock/index.ts'
export * from './errors/index.ts'
export * from './log/index.ts'
export * from './netif/index.ts'
export * from './packet/index.ts'
export * from './stack/index.ts'
