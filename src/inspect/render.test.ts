import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GraphBuilder } from './graph.ts'
import { renderSvg } from './render-svg.ts'
import { renderDot, renderMermaid, renderTree } from './render-text.ts'

function example(): GraphBuilder {
  const graph = new GraphBuilder()
  const root = graph.add('root', 'site "one" <1>')
  const tcp = graph.add('tcp', 'tcp', root)
  const udp = graph.add('udp', 'udp', root)
  graph.add('tap', 'tap tap0', graph.add('ip', 'ipv4', tcp, udp))
  return graph
}

test('a tree, in which what was shown is not shown again', () => {
  expect(renderTree(example())).toBe(
    `site "one" <1>
├─ tcp
│  └─ ipv4
│     └─ tap tap0
└─ udp
   └─ ipv4 (above)
`,
  )
})

test('Mermaid and DOT, with names of one word and labels that cannot end too early', () => {
  expect(renderMermaid(example())).toBe(`flowchart TD
  n0["site #34;one#34; #60;1#62;"]
  n1["tcp"]
  n2["udp"]
  n3["ipv4"]
  n4["tap tap0"]
  n0 --> n1
  n0 --> n2
  n1 --> n3
  n2 --> n3
  n3 --> n4
`)
  expect(renderDot(example())).toBe(`digraph {
  node [shape=box, fontname="sans-serif"]
  n0 [label="site \\"one\\" <1>"]
  n1 [label="tcp"]
  n2 [label="udp"]
  n3 [label="ipv4"]
  n4 [label="tap tap0"]
  n0 -> n1
  n0 -> n2
  n1 -> n3
  n2 -> n3
  n3 -> n4
}
`)
})

test('SVG: every node once, within the picture, no two over each other, and above what they stand on', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 30 }), (pairs) => {
      const graph = new GraphBuilder()
      for (let i = 0; i < 10; i++) graph.add(`${i}`, `node ${'x'.repeat(i)}`)
      // From lower to higher numbers only, so that nothing stands on itself.
      for (const [a, b] of pairs) if (a < b) graph.add(`${b}`, '', `${a}`)
      const svg = renderSvg(graph)
      const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number)
      const boxes = [...svg.matchAll(/<rect x="(-?[\d.]+)" y="([\d.]+)" width="(\d+)" height="(\d+)"/g)].map(
        ([, x, y, w, h]) => ({
          x: Number(x),
          y: Number(y),
          right: Number(x) + Number(w),
          bottom: Number(y) + Number(h),
        }),
      )
      expect(boxes).toHaveLength(10)
      for (const [i, a] of boxes.entries()) {
        expect(a.x >= 0 && a.y >= 0 && a.right <= width && a.bottom <= height).toBe(true)
        for (const b of boxes.slice(i + 1)) {
          expect(a.right <= b.x || b.right <= a.x || a.bottom <= b.y || b.bottom <= a.y).toBe(true)
        }
      }
      for (const [, y1, y2] of svg.matchAll(/<path d="M[\d.]+ ([\d.]+) C.* ([\d.]+)" fill/g)) {
        expect(Number(y1)).toBeLessThan(Number(y2))
      }
    }),
    { numRuns: 50 },
  )
  expect(renderSvg(example())).toContain('>site &#34;one&#34; &#60;1&#62;</text>')
})
