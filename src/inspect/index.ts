export { type Graph, GraphBuilder, type GraphEdge, type GraphNode } from './graph.ts'
export { renderSvg } from './render-svg.ts'
export { renderDot, renderMermaid, renderTree } from './render-text.ts'
