import type { Graph } from './graph.ts'

/** Pixels. */
const BOX_HEIGHT = 32
const CHARACTER_WIDTH = 7.5
const PADDING = 24
const COLUMN_GAP = 24
const ROW_GAP = 48
const MARGIN = 16
/** Passes over all rows that bring nodes nearer to those that they are joined with. */
const ORDERING_PASSES = 8

interface Box {
  readonly id: string
  readonly label: string
  readonly width: number
  x: number
  readonly y: number
}

/** A picture: what stands on something is above it. */
export function renderSvg(graph: Graph): string {
  const boxes = layout(graph)
  const byId = new Map(boxes.map((box) => [box.id, box]))
  const width = Math.max(0, ...boxes.map(({ x, width }) => x + width)) + MARGIN
  const height = Math.max(0, ...boxes.map(({ y }) => y + BOX_HEIGHT)) + MARGIN
  const lines = graph.edges.map(({ from, to }) => {
    const [upper, lower] = [byId.get(from)!, byId.get(to)!]
    const [x1, y1, x2, y2] = [upper.x + upper.width / 2, upper.y + BOX_HEIGHT, lower.x + lower.width / 2, lower.y]
    const middle = (y1 + y2) / 2
    return `  <path d="M${x1} ${y1} C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}" fill="none" stroke="#888"/>`
  })
  const rectangles = boxes.map(
    ({ label, x, y, width }) =>
      `  <rect x="${x}" y="${y}" width="${width}" height="${BOX_HEIGHT}" rx="6" fill="#fff" stroke="#333"/>\n` +
      `  <text x="${x + width / 2}" y="${y + BOX_HEIGHT / 2}" text-anchor="middle" dominant-baseline="central">${escaped(label)}</text>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      'font-family="sans-serif" font-size="13">',
    ...lines,
    ...rectangles,
    '</svg>',
    '',
  ].join('\n')
}

/** Rows by the longest way down from the first node; in each row nodes near those that they are joined with. */
function layout(graph: Graph): Box[] {
  const depth = new Map(graph.nodes.map(({ id }) => [id, 0]))
  // As many rounds as there are nodes are enough where nothing stands on itself.
  for (let round = 0; round < graph.nodes.length; round++) {
    for (const { from, to } of graph.edges) depth.set(to, Math.max(depth.get(to)!, depth.get(from)! + 1))
  }
  const rows: Box[][] = []
  for (const { id, label } of graph.nodes) {
    const row = depth.get(id)!
    const width = Math.ceil(label.length * CHARACTER_WIDTH) + PADDING
    while (rows.length <= row) rows.push([])
    rows[row].push({ id, label, width, x: 0, y: MARGIN + row * (BOX_HEIGHT + ROW_GAP) })
  }
  const boxes = rows.flat()
  const centre = (box: Box) => box.x + box.width / 2
  for (let pass = 0; pass < ORDERING_PASSES; pass++) {
    for (const row of rows) {
      const wanted = new Map(
        row.map((box) => {
          const joined = graph.edges
            .filter(({ from, to }) => from === box.id || to === box.id)
            .map(({ from, to }) => boxes.find(({ id }) => id === (from === box.id ? to : from))!)
          const sum = joined.reduce((total, each) => total + centre(each), 0)
          return [box.id, joined.length === 0 ? 0 : sum / joined.length]
        }),
      )
      // Sorting keeps the order of those that are equal.
      row.sort((a, b) => wanted.get(a.id)! - wanted.get(b.id)!)
      let free = MARGIN
      for (const box of row) {
        box.x = Math.round(Math.max(free, pass === 0 ? 0 : wanted.get(box.id)! - box.width / 2))
        free = box.x + box.width + COLUMN_GAP
      }
    }
  }
  const left = Math.min(...boxes.map(({ x }) => x)) - MARGIN
  for (const box of boxes) box.x -= left
  return boxes
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
