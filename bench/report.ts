import type { Figure, Goal, Measurement } from './measurements.ts'
import type { ProcessorUse } from './processor-use.ts'

/** tapstack is over a tap device, `packet` the same over a packet socket. */
export type SubjectName = 'tapstack' | 'node:net' | 'packet'

/** Who is measured, and whom the ratio is to. */
export type Subjects = readonly [measured: SubjectName, reference: SubjectName]

const USUAL: Subjects = ['tapstack', 'node:net']

export function subjectsOf(measurement: Figure): Subjects {
  return measurement.subjects ?? USUAL
}

/** One round of one subject. */
export interface Round {
  readonly value: number
  /** Null when it could not be read. */
  readonly processor: ProcessorUse | null
  readonly details: Record<string, unknown>
  /** Of its network interface, over its whole life; null where it has none of its own. */
  readonly counters: Record<string, number> | null
}

export interface Outcome {
  readonly measurement: Figure
  readonly rounds: Record<SubjectName, Round[]>
  /** Why a subject has no figure. */
  readonly failures: Partial<Record<SubjectName, string>>
}

/** A line for each figure that one run of a measurement tells. */
export function withFurtherFigures(measurement: Measurement, outcome: Outcome): Outcome[] {
  const further = (measurement.further ?? []).map((figure): Outcome => {
    const taken = (rounds: Round[]) => rounds.map((round) => ({ ...round, value: figure.of(round.details) }))
    const { tapstack, 'node:net': nodeNet, packet } = outcome.rounds
    const rounds = { tapstack: taken(tapstack), 'node:net': taken(nodeNet), packet: taken(packet) }
    return { measurement: figure, rounds, failures: outcome.failures }
  })
  return [outcome, ...further]
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function figure(outcome: Outcome, subject: SubjectName): number | null {
  const rounds = outcome.rounds[subject]
  return rounds.length === 0 ? null : median(rounds.map((round) => round.value))
}

function ratio(outcome: Outcome): number | null {
  const [measured, reference] = subjectsOf(outcome.measurement)
  const ours = figure(outcome, measured)
  const theirs = figure(outcome, reference)
  return ours === null || theirs === null ? null : ours / theirs
}

/** Whether the goal is reached; null when it was not measured. */
export function isMet(outcome: Outcome): boolean | null {
  const goal = outcome.measurement.goal
  const reached = 'ratio' in goal ? ratio(outcome) : figure(outcome, subjectsOf(outcome.measurement)[0])
  if (reached === null) return null
  if ('most' in goal) return reached <= goal.most
  return reached >= ('ratio' in goal ? goal.ratio : goal.value)
}

function goalText(goal: Goal, unit: string): string {
  if ('ratio' in goal) return `ratio >= ${goal.ratio.toFixed(1)}`
  const number = unit === '1' ? '' : ` ${unit}`
  return 'most' in goal ? `<= ${goal.most}${number}` : `>= ${goal.value}${number}`
}

/** Columns of equal width; all but the first and the last are numbers and stand to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 || column === row.length - 1 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '-'.repeat(width)).join('  ')
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n')
}

/** Median figure with the spread of the rounds behind it, in percent of the median. */
function cell(outcome: Outcome, subject: SubjectName): string {
  const value = figure(outcome, subject)
  if (value === null) return subject in outcome.failures ? 'failed' : '-'
  const values = outcome.rounds[subject].map((round) => round.value)
  const text = value.toFixed(outcome.measurement.decimals).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  if (values.length < 2) return text
  const spread = Math.max(...values.map((each) => Math.abs(each - value))) / value
  return `${text} ±${Math.round(spread * 100)}%`.replace(/ ±(\d)%$/, '  ±$1%')
}

/** A table for each pair of subjects. */
export function formatOutcomes(outcomes: readonly Outcome[]): string {
  const pairs = new Map(outcomes.map(({ measurement }) => [String(subjectsOf(measurement)), subjectsOf(measurement)]))
  const tables = [...pairs].map(([key, subjects]) => {
    const some = outcomes.filter(({ measurement }) => String(subjectsOf(measurement)) === key)
    return formatPair(some, subjects)
  })
  return tables.join('\n\n')
}

function formatPair(outcomes: readonly Outcome[], [measured, reference]: Subjects): string {
  const rows = [['measurement', 'unit', measured, reference, 'ratio', 'goal']]
  for (const outcome of outcomes) {
    const { measurement } = outcome
    const met = isMet(outcome)
    rows.push([
      `${measurement.name}: ${measurement.title}`,
      measurement.unit,
      cell(outcome, measured),
      cell(outcome, reference),
      ratio(outcome)?.toFixed(2) ?? '-',
      goalText(measurement.goal, measurement.unit) + (met === null ? '' : met ? '  met' : '  MISSED'),
    ])
  }
  return formatTable(rows)
}

/** The most that other programs used of a core while a sample was taken. */
export function disturbance(outcomes: readonly Outcome[]): number {
  const rounds = outcomes.flatMap((outcome) => Object.values(outcome.rounds).flat())
  return Math.max(0, ...rounds.map((round) => round.processor?.others ?? 0))
}

export function outcomesAsJson(outcomes: readonly Outcome[]): unknown[] {
  return outcomes.map((outcome) => ({
    name: outcome.measurement.name,
    title: outcome.measurement.title,
    unit: outcome.measurement.unit,
    tapstack: figure(outcome, 'tapstack'),
    nodeNet: figure(outcome, 'node:net'),
    packet: figure(outcome, 'packet'),
    ratio: ratio(outcome),
    goal: outcome.measurement.goal,
    met: isMet(outcome),
    failures: outcome.failures,
    rounds: { tapstack: outcome.rounds.tapstack, nodeNet: outcome.rounds['node:net'], packet: outcome.rounds.packet },
  }))
}
