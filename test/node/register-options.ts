/** How tests start a program on a stack of ours. `npm test` builds first, and what is built starts sooner. */
export const IS_BUILT = process.env.CI === 'true'

export const LOADER = IS_BUILT ? [] : ['--import', import.meta.resolve('tsx')]

/** What Node is told to load before a program. */
export function registerOptions(): string[] {
  const program = IS_BUILT ? '../../dist/cli/register.js' : '../../src/cli/register.ts'
  return [...LOADER, '--import', new URL(program, import.meta.url).href]
}

/** What the loader, not ours, makes Node 26 say. */
export const LOADER_WARNING = /^\(node:\d+\) \[DEP0205\].*\n.*--trace-deprecation.*\n/m
