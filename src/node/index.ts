export { moveNodeOnto } from './global-modules.ts'
export { NodeModules } from './node-modules.ts'
export { leadLifeOfProcess } from './process-stack.ts'
