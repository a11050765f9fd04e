import { type Graph, renderDot, renderMermaid, renderSvg, renderTree } from '../inspect/index.ts'
import { BadArgument, compositionOf } from '../unikernel/index.ts'
import { EXIT_USAGE, Failure } from './failure.ts'
import { loadUnikernel } from './run.ts'

const RENDERERS = { tree: renderTree, mermaid: renderMermaid, dot: renderDot, svg: renderSvg } as const
export type DescribeFormat = keyof typeof RENDERERS
export const DESCRIBE_FORMATS = Object.keys(RENDERERS) as DescribeFormat[]

/**
 * `tapstack describe FILE [boot arguments]`: what the application is composed of.
 * @throws Failure if FILE exports no application, or an argument is wrong
 */
export async function describeFile(
  file: string,
  format: DescribeFormat,
  bootArguments: readonly string[],
): Promise<string> {
  const unikernel = await loadUnikernel(file, bootArguments)
  let graph: Graph
  try {
    graph = await compositionOf(unikernel, bootArguments, process.env, process.env.TAPSTACK_SANDBOX_INTERFACE)
  } catch (error) {
    if (error instanceof BadArgument) throw new Failure(`${unikernel.name}: ${error.message}`, EXIT_USAGE)
    throw error
  }
  return RENDERERS[format](graph)
}
