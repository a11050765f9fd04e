export { NodeModules } from './node-modules.ts'
