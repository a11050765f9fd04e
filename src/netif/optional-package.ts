import { createRequire } from 'node:module'
import { join } from 'node:path'
import { installCommand } from '../errors/index.ts'

/** A package that tapstack can use and does not depend on. */
export interface OptionalPackage {
  readonly name: string
  /** What has to be there before it can be installed, `which takes libpcap`, or what else would do, `or take Node.js 22`. */
  readonly needs: string
  /** The Node.js version that it is known to load on, where it has an addon that is bound to one. */
  readonly nodeMajor?: number
}

/** An optional package is not installed or does not load; the message says in one line what to do. */
export class OptionalPackageError extends Error {
  readonly package: string

  constructor(message: string, name: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'OptionalPackageError'
    this.package = name
  }
}

/**
 * Loads a package from beside tapstack or, where tapstack is installed for the whole system, from the working directory.
 * @throws OptionalPackageError
 */
export function loadOptionalPackage<Package>({ name, needs, nodeMajor }: OptionalPackage): Package {
  let missing: unknown = null
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    const require = createRequire(from)
    try {
      require.resolve(name)
    } catch (error) {
      missing = error
      continue
    }
    try {
      return require(name) as Package
    } catch (cause) {
      const here = `on Node.js ${process.version}`
      const [why] = String((cause as Error).message).split('\n')
      const mend = isBoundTo(nodeMajor)
        ? `run "npm rebuild ${name}", ${needs}`
        : `it works on Node.js ${nodeMajor}: use that and "npm rebuild ${name}"`
      throw new OptionalPackageError(`the package ${name} does not load ${here}: ${mend} (${why})`, name, { cause })
    }
  }
  const elsewhere = isBoundTo(nodeMajor) ? '' : `; it works on Node.js ${nodeMajor}, and this is ${process.version}`
  const message = `the package ${name} is not installed: run "${installCommand(name)}", ${needs}${elsewhere}`
  throw new OptionalPackageError(message, name, { cause: missing })
}

function isBoundTo(major: number | undefined): boolean {
  return major === undefined || process.versions.node.startsWith(`${major}.`)
}
