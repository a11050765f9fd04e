import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { TestContext } from 'vitest'

/** Where scripts/optional-packages.mjs has built them; for NODE_PATH of a process that is to find them. */
export const OPTIONAL_PACKAGES = new URL('../../build/optional-packages/node_modules', import.meta.url).pathname

const NODE_MAJOR = '20.'

/** Why a package cannot be used here, null if it can. */
export function packageMissing(name: 'pcap' | 'raw-socket'): string | null {
  if (!process.versions.node.startsWith(NODE_MAJOR)) {
    return `the package ${name} works on Node.js 20 only, and this is ${process.version}`
  }
  if (!existsSync(`${OPTIONAL_PACKAGES}/../built-for`))
    return `the package ${name} is not built: \`npm test\` does that`
  try {
    optionalPackage(name)
    return null
  } catch (error) {
    return `the package ${name} does not load: ${(error as Error).message.split('\n')[0]}`
  }
}

export function requiresPackage(context: Pick<TestContext, 'skip'>, name: 'pcap' | 'raw-socket'): void {
  const reason = packageMissing(name)
  if (reason !== null) context.skip(reason)
}

export function optionalPackage<Package>(name: 'pcap' | 'raw-socket'): Package {
  return createRequire(`${OPTIONAL_PACKAGES}/`)(`${OPTIONAL_PACKAGES}/${name}`) as Package
}
