/** A module hook (node:module, `register`) that resolves `tapstack` to this package from everywhere. */

import type { ResolveHook } from 'node:module'

const OWN_NAME = /^tapstack(?:\/|$)/

export const resolve: ResolveHook = (specifier, context, nextResolve) =>
  // A package may import itself by its name: asked from here, the name means this package.
  OWN_NAME.test(specifier)
    ? nextResolve(specifier, { ...context, parentURL: import.meta.url })
    : nextResolve(specifier, context)
