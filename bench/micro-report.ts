import type { MicroResult } from './micro/index.ts'
import { formatTable } from './report.ts'

/** What must hold: how many times faster than the alternative of that name. */
const GOALS: readonly { name: string; bytes: number; ratios: Record<string, number> }[] = [
  { name: 'checksum, Checksum.sum', bytes: 1472, ratios: { 'byte loop': 14, 'Uint16Array loop': 4 } },
]

function goalOf(result: MicroResult): Record<string, number> | undefined {
  return GOALS.find((goal) => goal.name === result.name && goal.bytes === result.bytes)?.ratios
}

/** Null where there is no goal. */
export function isMicroGoalMet(result: MicroResult): boolean | null {
  const goal = goalOf(result)
  if (goal === undefined) return null
  return Object.entries(goal).every(([name, least]) => (result.ratio?.[name] ?? 0) >= least)
}

export function formatMicro(results: readonly MicroResult[]): string {
  const rows = [['one operation', 'bytes', 'ns', 'GB/s', 'ratio, goal']]
  for (const result of results) {
    const goal = goalOf(result) ?? {}
    const ratios = Object.entries(result.ratio ?? {}).map(([name, ratio]) => {
      return `${ratio.toFixed(1)}x ${name}${name in goal ? ` (>= ${goal[name]}x)` : ''}`
    })
    const met = isMicroGoalMet(result)
    rows.push([
      result.name,
      result.bytes?.toString() ?? '',
      result.nanoseconds.toFixed(1),
      result.gigabytesPerSecond?.toFixed(2) ?? '',
      ratios.join(', ') + (met === null ? '' : met ? '  met' : '  MISSED'),
    ])
  }
  return formatTable(rows)
}
