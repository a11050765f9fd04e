/** What an application is composed of: nodes, and which of them stand on which others. No node stands on itself, however indirectly. */
export interface Graph {
  /** The first is the application itself. */
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}

/** A part that an application is composed of. */
export interface GraphNode {
  readonly id: string
  readonly label: string
}

/** Who uses whom. */
export interface GraphEdge {
  /** Stands on `to`. */
  readonly from: string
  readonly to: string
}

/** Makes a graph, node by node. */
export class GraphBuilder implements Graph {
  readonly nodes: GraphNode[] = []
  readonly edges: GraphEdge[] = []

  /**
   * A node under those that stand on it.
   * @returns its `id`
   */
  add(id: string, label: string, ...above: readonly string[]): string {
    if (!this.nodes.some((node) => node.id === id)) this.nodes.push({ id, label })
    for (const from of above) {
      if (!this.edges.some((edge) => edge.from === from && edge.to === id)) this.edges.push({ from, to: id })
    }
    return id
  }
}

/** The nodes that a node stands on, in the order of the graph. */
export function below(graph: Graph, id: string): GraphNode[] {
  return graph.edges.filter(({ from }) => from === id).map(({ to }) => graph.nodes.find((node) => node.id === to)!)
}
