import { below, type Graph, type GraphNode } from './graph.ts'

/** For a terminal: each node with what it stands on below it; what was shown before is not shown again. */
export function renderTree(graph: Graph): string {
  const shown = new Set<string>()
  const lines: string[] = []
  const visit = ({ id, label }: GraphNode, first: string, rest: string) => {
    const children = below(graph, id)
    const again = shown.has(id) && children.length > 0
    lines.push(`${first}${label}${again ? ' (above)' : ''}`)
    if (again) return
    shown.add(id)
    for (const [i, child] of children.entries()) {
      const isLast = i === children.length - 1
      visit(child, `${rest}${isLast ? '└─ ' : '├─ '}`, `${rest}${isLast ? '   ' : '│  '}`)
    }
  }
  if (graph.nodes.length > 0) visit(graph.nodes[0], '', '')
  return lines.map((line) => `${line}\n`).join('')
}

/** A flowchart for Mermaid. */
export function renderMermaid(graph: Graph): string {
  const names = namesOf(graph)
  // https://mermaid.js.org/syntax/flowchart.html: what has a meaning in labels is written as a character's number.
  const text = (label: string) => label.replace(/["#&;<>]/g, (character) => `#${character.charCodeAt(0)};`)
  return [
    'flowchart TD',
    ...graph.nodes.map(({ id, label }) => `  ${names.get(id)}["${text(label)}"]`),
    ...graph.edges.map(({ from, to }) => `  ${names.get(from)} --> ${names.get(to)}`),
    '',
  ].join('\n')
}

/** A digraph in the language of Graphviz. */
export function renderDot(graph: Graph): string {
  const names = namesOf(graph)
  const text = (label: string) => label.replace(/["\\]/g, (character) => `\\${character}`)
  return [
    'digraph {',
    '  node [shape=box, fontname="sans-serif"]',
    ...graph.nodes.map(({ id, label }) => `  ${names.get(id)} [label="${text(label)}"]`),
    ...graph.edges.map(({ from, to }) => `  ${names.get(from)} -> ${names.get(to)}`),
    '}',
    '',
  ].join('\n')
}

/** A name for each node that is one word in every language. */
function namesOf({ nodes }: Graph): Map<string, string> {
  return new Map(nodes.map(({ id }, i) => [id, `n${i}`]))
}
