/** Module hooks (node:module, `register`) for what `tapstack run` loads. They run in a thread of their own. */

import type { ResolveHook } from 'node:module'

export const OWN_NAME = /^tapstack(?:\/|$)/
const TYPESCRIPT = /^file:(?!.*\/node_modules\/).*\.tsx?(?:\?|$)/

// Newer than the type declarations of the oldest Node that we support; there it is the compiler that sees the types.
const FORMAT = 'typescript' in process.features && process.features.typescript ? 'module-typescript' : 'module'

/**
 * Resolves `tapstack` to this package from everywhere, and takes TypeScript files for ES modules whatever their
 * package.json says or does not say: what they import is then the one copy of the library that the stack is made of.
 */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  // A package may import itself by its name: asked from here, the name means this package.
  if (OWN_NAME.test(specifier)) return await nextResolve(specifier, { ...context, parentURL: import.meta.url })
  const resolved = await nextResolve(specifier, context)
  if (!TYPESCRIPT.test(resolved.url)) return resolved
  return { ...resolved, format: FORMAT as 'module' }
}
