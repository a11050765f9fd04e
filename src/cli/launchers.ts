/** Programs of Node whose affair it is to start another one, which is the one that somebody means who has typed `npm start`. */
import { realpathSync } from 'node:fs'

/** What is started by them gets the stack. The guide lists them. */
const LAUNCHERS = ['npm', 'yarn', 'pnpm', 'corepack', 'tsx', 'nodemon', 'cross-env'] as const

/** Where `corepack` keeps the package managers that it runs. */
const COREPACK = /\/corepack\/v?\d+\/(?:yarn|pnpm)\//

const INSTALLED = new RegExp(`/node_modules/(?:${LAUNCHERS.join('|')})/`)

/** @param program the file that Node was told to run, if it was */
export function isLauncher(program: string | undefined): boolean {
  if (program === undefined) return false
  try {
    const path = realpathSync(program)
    return INSTALLED.test(path) || COREPACK.test(path)
  } catch {
    return false
  }
}
