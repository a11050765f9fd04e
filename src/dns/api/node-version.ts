import { versions } from 'node:process'

/** Of the Node that runs: some versions check arguments that others take. */
export const NODE_MAJOR = Number(versions.node.split('.')[0])
