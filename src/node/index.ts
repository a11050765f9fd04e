export { moveNodeOnto } from './global-modules.ts'
export { nodeInternals } from './internals.ts'
export { NodeModules } from './node-modules.ts'
export { leadLifeOfProcess } from './process-stack.ts'
