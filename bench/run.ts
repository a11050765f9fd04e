/**
 * The bench: the same services on tapstack over a tap device and on node:net over a veth pair, in turns, and the
 * ratios between them. `docs/performance.md` says what each figure means.
 */
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { compileLoadGenerator } from './load-generator.ts'
import { type Measurement, measurements as usualMeasurements } from './measurements.ts'
import { runMicroBenchmarks } from './micro/index.ts'
import { formatMicro, isMicroGoalMet } from './micro-report.ts'
import { Namespaces, whyNot } from './namespaces.ts'
import { packetMeasurements } from './packet-measurements.ts'
import { killAll } from './processes.ts'
import { Patience } from './processor-use.ts'
import {
  disturbance,
  formatOutcomes,
  isMet,
  type Outcome,
  outcomesAsJson,
  type SubjectName,
  subjectsOf,
  withFurtherFigures,
} from './report.ts'
import { PROFILE_FOLDER, type RoundOptions, takeRound } from './round.ts'

const measurements = [...usualMeasurements, ...packetMeasurements]

const USAGE = `usage: npm run bench -- [options] [NAME...]
  NAME               some only, of ${names().join(', ')}
  --quick            one round of 1 s each instead of three of 2 s after a warm-up of 1 s
  --rounds N         rounds, 1 to 100; the figures are medians over them
  --seconds S        measured seconds of each, 0.1 to 600
  --warmup S         seconds before them, 0 to 60
  --only A,B         the same
  --count N          idle connections that connections-idle holds, 1,000 to 2,000,000; default 100,000
  --subject NAME     tapstack, node:net or packet alone
  --placement WHERE  subject and load generator on one core (together), on two (apart), or where they like (free)
  --patient MINUTES  on a machine that others use too: waits for quiet moments and takes disturbed samples again
  --profile          profiles the subject (tapstack unless --subject says otherwise), prints where the time went
  --lines N          functions printed of each profile, default 25
  --json             prints JSON instead of tables
  --check            exit code 1 when a goal is missed
  --no-build         takes what stands in dist/
`

/** What can be asked for. */
function names(): string[] {
  const all = measurements.flatMap(({ name, group }) => (group === undefined ? [name] : [group, name]))
  return [...new Set(all), 'micro']
}

interface Plan extends RoundOptions {
  readonly rounds: number
  readonly measurements: readonly Measurement[]
  /** Null: those of each measurement. */
  readonly subject: SubjectName | null
  readonly micro: boolean
  readonly json: boolean
  readonly check: boolean
}

/** Where others use more than this of a core, the figures say as much about them. */
const BUSY = 0.2

function misused(why: string): never {
  process.stderr.write(`bench: ${why}\n${USAGE}`)
  process.exit(64)
}

function readArguments(): Plan {
  const { values, positionals } = parse()
  if (values.help) {
    process.stdout.write(USAGE)
    process.exit(0)
  }
  const number = (text: string | undefined, otherwise: number, name: string, minimum: number, maximum: number) => {
    if (text === undefined) return otherwise
    const value = Number(text)
    if (!(value >= minimum && value <= maximum)) misused(`--${name} is a number from ${minimum} to ${maximum}`)
    return value
  }
  const asked = [...positionals, ...(values.only?.split(',') ?? [])]
  const only = asked.length === 0 ? names() : asked
  for (const name of only) if (!names().includes(name)) misused(`there are ${names().join(', ')}, and no ${name}`)
  const subject = values.subject
  if (subject !== undefined && subject !== 'tapstack' && subject !== 'node:net' && subject !== 'packet') {
    misused(`--subject is tapstack, node:net or packet, not ${subject}`)
  }
  const placement = values.placement
  if (placement !== undefined && placement !== 'together' && placement !== 'apart' && placement !== 'free') {
    misused(`--placement is together, apart or free, not ${placement}`)
  }
  const short = values.quick || values.profile
  return {
    duration: {
      warmup: number(values.warmup, values.quick ? 0.4 : 1, 'warmup', 0, 60),
      seconds: number(values.seconds, values.quick ? 1 : 2, 'seconds', 0.1, 600),
    },
    rounds: Math.round(number(values.rounds, short ? 1 : 3, 'rounds', 1, 100)),
    measurements: measurements.filter(({ name, group }) => only.includes(name) || only.includes(group ?? name)),
    subject: subject ?? null,
    micro: only.includes('micro') && !values.profile && subject === undefined,
    profile: values.profile,
    placement: placement ?? null,
    patience: values.patient === undefined ? null : new Patience(number(values.patient, 0, 'patient', 0, 1440)),
    crowd: Math.round(number(values.count, 100_000, 'count', 1000, 2_000_000)),
    lines: number(values.lines, 25, 'lines', 1, 1000),
    json: values.json,
    check: values.check,
  }
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        warmup: { type: 'string' },
        only: { type: 'string' },
        count: { type: 'string' },
        subject: { type: 'string' },
        placement: { type: 'string' },
        patient: { type: 'string' },
        profile: { type: 'boolean', default: false },
        lines: { type: 'string' },
        json: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    misused((error as Error).message)
  }
}

function subjectsToTake(plan: Plan, measurement: Measurement): readonly SubjectName[] {
  const both = subjectsOf(measurement)
  if (plan.subject !== null) return both.filter((name) => name === plan.subject)
  return plan.profile || measurement.alone ? [both[0]] : both
}

async function runAll(plan: Plan, namespaces: Namespaces, generator: string): Promise<Outcome[]> {
  const outcomes = plan.measurements.map((measurement) => ({
    measurement,
    rounds: { tapstack: [], 'node:net': [], packet: [] } as Outcome['rounds'],
    failures: {} as Outcome['failures'],
  }))
  if (plan.profile) mkdirSync(PROFILE_FOLDER, { recursive: true })
  for (let round = 1; round <= plan.rounds; round++) {
    for (const outcome of outcomes) {
      if (outcome.measurement.once && round > 1) continue
      for (const name of subjectsToTake(plan, outcome.measurement)) {
        if (name in outcome.failures) continue
        progress(`round ${round} of ${plan.rounds}: ${outcome.measurement.name}, ${name}`)
        try {
          const taken = await takeRound(plan, outcome.measurement, name, namespaces, generator, round)
          outcome.rounds[name].push(taken.round)
          progress('')
          if (taken.profile !== null && !plan.json) process.stdout.write(taken.profile)
        } catch (error) {
          killAll()
          progress('')
          outcome.failures[name] = (error as Error).message
          outcome.rounds[name].length = 0
          process.stderr.write(`bench: ${outcome.measurement.name}, ${name}: ${(error as Error).message}\n`)
        }
      }
    }
  }
  return outcomes.flatMap((outcome) => withFurtherFigures(outcome.measurement, outcome))
}

/** One line that replaces itself, for a person who waits. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

const plan = readArguments()
const obstacle = plan.measurements.length === 0 ? null : whyNot()
if (obstacle !== null) {
  process.stderr.write(`bench: ${obstacle}\n`)
  process.exit(1)
}

const namespaces = new Namespaces()
let generator: { path: string; remove: () => void } | null = null
function cleanUp(): void {
  killAll()
  namespaces.remove()
  generator?.remove()
  generator = null
}
process.on('exit', cleanUp)
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => process.exit(code))
}

let outcomes: Outcome[] = []
if (plan.measurements.length > 0) {
  generator = compileLoadGenerator()
  namespaces.make()
  outcomes = await runAll(plan, namespaces, generator.path)
  cleanUp()
}
const busy = disturbance(outcomes)
if (busy > BUSY) {
  const share = `${Math.round(busy * 100)} % of a core`
  process.stderr.write(`bench: other programs used up to ${share} meanwhile; --patient 10 waits for quiet moments\n`)
}
const micro = plan.micro ? await runMicroBenchmarks() : []
const missed =
  outcomes.some((outcome) => isMet(outcome) === false) || micro.some((result) => isMicroGoalMet(result) === false)
const failed = outcomes.some((outcome) => Object.keys(outcome.failures).length > 0)
if (plan.json) {
  const machine = { node: process.version, architecture: process.arch, processors: availableParallelism() }
  const result = { machine, duration: plan.duration, rounds: plan.rounds, outcomes: outcomesAsJson(outcomes), micro }
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
} else {
  if (outcomes.length > 0) process.stdout.write(`\n${formatOutcomes(outcomes)}\n`)
  if (micro.length > 0) process.stdout.write(`\n${formatMicro(micro)}\n`)
}
process.exitCode = failed || (plan.check && missed) ? 1 : 0
