/**
 * The bench: the same services on tapstack over a tap device and on node:net over a veth pair, in turns, and the
 * ratios between them. `docs/performance.md` says what each figure means.
 */
import { mkdirSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compileLoadGenerator } from './load-generator.ts'
import { type Duration, type Measurement, measure, measurements } from './measurements.ts'
import { Namespaces, SUBJECT_ADDRESS, whyNot } from './namespaces.ts'
import { killAll, type Placement, type ProcessorTime, Subject } from './processes.ts'
import { formatProfile, summarize } from './profile.ts'
import { formatOutcomes, isMet, type Outcome, outcomesAsJson, type Round, type SubjectName } from './report.ts'

const USAGE = `usage: npm run bench -- [options]
  --quick            one round of 1 s each instead of three of 2 s after a warm-up of 1 s
  --rounds N         rounds, 1 to 100; the figures are medians over them
  --seconds S        measured seconds of each, 0.1 to 600
  --warmup S         seconds before them, 0 to 60
  --only A,B         of ${measurements.map((each) => each.name).join(', ')}, micro
  --subject NAME     tapstack or node:net alone
  --placement WHERE  subject and load generator on one core (together), on two (apart), or where they like (free)
  --profile          profiles the subject (tapstack unless --subject says otherwise), prints where the time went
  --lines N          functions printed of each profile, default 25
  --json             prints JSON instead of tables
  --check            exit code 1 when a goal is missed
  --no-build         takes what stands in dist/
`

const SCRIPTS: Record<SubjectName, string> = {
  tapstack: fileURLToPath(new URL('subjects/tapstack.mjs', import.meta.url)),
  'node:net': fileURLToPath(new URL('subjects/node-net.mjs', import.meta.url)),
}
const PROFILE_FOLDER = fileURLToPath(new URL('results/profiles', import.meta.url))
/** Often enough to see functions of a few microseconds in a run of 2 s, seldom enough not to bend the figures. */
const PROFILE_INTERVAL_MICROSECONDS = 250

interface Plan {
  readonly duration: Duration
  readonly rounds: number
  readonly measurements: readonly Measurement[]
  readonly subjects: readonly SubjectName[]
  readonly micro: boolean
  readonly profile: boolean
  readonly placement: Placement | null
  readonly lines: number
  readonly json: boolean
  readonly check: boolean
}

function misused(why: string): never {
  process.stderr.write(`bench: ${why}\n${USAGE}`)
  process.exit(64)
}

function readArguments(): Plan {
  const { values } = parse()
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
  const names = [...measurements.map((each) => each.name), 'micro']
  const only = values.only?.split(',') ?? names
  for (const name of only) if (!names.includes(name)) misused(`--only takes ${names.join(', ')}, not ${name}`)
  const subject = values.subject
  if (subject !== undefined && subject !== 'tapstack' && subject !== 'node:net') {
    misused(`--subject is tapstack or node:net, not ${subject}`)
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
    measurements: measurements.filter((each) => only.includes(each.name)),
    subjects: subject !== undefined ? [subject] : values.profile ? ['tapstack'] : ['tapstack', 'node:net'],
    micro: only.includes('micro') && !values.profile && subject === undefined,
    profile: values.profile,
    placement: placement ?? null,
    lines: number(values.lines, 25, 'lines', 1, 1000),
    json: values.json,
    check: values.check,
  }
}

function parse() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        warmup: { type: 'string' },
        only: { type: 'string' },
        subject: { type: 'string' },
        placement: { type: 'string' },
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

/** The share of one core between two readings. */
function processorShare(from: ProcessorTime | null, to: ProcessorTime | null): Round['processor'] {
  if (from === null || to === null) return null
  const seconds = (to.at - from.at) / 1e9
  return { user: (to.user - from.user) / seconds, system: (to.system - from.system) / seconds }
}

/** A fresh process for each sample: what one measurement did to the heap and to the compiler does not touch the next. */
async function takeRound(
  plan: Plan,
  measurement: Measurement,
  name: SubjectName,
  namespaces: Namespaces,
  generator: string,
): Promise<{ round: Round; profile: string | null }> {
  const place = name === 'tapstack' ? namespaces.tap : namespaces.veth
  const file = `${measurement.name}-${name.replace(':', '-')}.cpuprofile`
  const nodeOptions = plan.profile
    ? ['--cpu-prof', `--cpu-prof-dir=${PROFILE_FOLDER}`, `--cpu-prof-name=${file}`].concat(
        `--cpu-prof-interval=${PROFILE_INTERVAL_MICROSECONDS}`,
      )
    : []
  const { service, port } = measurement
  const { warmup, seconds } = plan.duration
  const parameters = [service, SUBJECT_ADDRESS, port, warmup, seconds].map(String)
  const subject = new Subject(place.subject, nodeOptions, SCRIPTS[name], parameters)
  await subject.ready()
  const placement = plan.placement ?? measurement.placement
  subject.place(placement)
  // Processor time is read from outside, when the warm-up should be over and just before the end.
  const readings: (ProcessorTime | null)[] = []
  const read = (after: number) => setTimeout(() => readings.push(subject.processorTime()), after * 1000)
  const timers = [read(warmup + 0.05), read(warmup + seconds * 0.95)]
  const sample = await measure(measurement, subject, { place, placement, generator, duration: plan.duration })
  for (const timer of timers) clearTimeout(timer)
  if (measurement.load !== null) await subject.stop()
  const round = {
    value: sample.value,
    processor: readings.length === 2 ? processorShare(readings[0], readings[1]) : null,
    details: sample.details,
  }
  if (!plan.profile) return { round, profile: null }
  const window = { begin: sample.beginNanoseconds / 1000, end: sample.endNanoseconds / 1000 }
  const summary = summarize(join(PROFILE_FOLDER, file), window)
  const busy = round.processor
  const head = [
    `\n${name}, ${measurement.name}: ${sample.value.toFixed(measurement.decimals)} ${measurement.unit}`,
    `${(summary.duration / 1e6).toFixed(2)} s, ${summary.samples} samples`,
    busy === null ? '' : `processor ${percent(busy.user)} user + ${percent(busy.system)} system`,
    `bench/results/profiles/${file}`,
  ]
  return { round, profile: `${head.filter(Boolean).join(' · ')}\n${formatProfile(summary, plan.lines)}\n` }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

async function runAll(plan: Plan, namespaces: Namespaces, generator: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = plan.measurements.map((measurement) => ({
    measurement,
    rounds: { tapstack: [], 'node:net': [] },
    failures: {},
  }))
  if (plan.profile) mkdirSync(PROFILE_FOLDER, { recursive: true })
  for (let round = 1; round <= plan.rounds; round++) {
    for (const outcome of outcomes) {
      for (const name of plan.subjects) {
        if (name in outcome.failures) continue
        progress(`round ${round} of ${plan.rounds}: ${outcome.measurement.name}, ${name}`)
        try {
          const taken = await takeRound(plan, outcome.measurement, name, namespaces, generator)
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
  return outcomes
}

/** One line that replaces itself, for a person who waits. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

/** A busy machine measures the machine. */
function warnWhenBusy(): void {
  const load = loadavg()[0]
  if (load > 1) process.stderr.write(`bench: this machine is busy (load ${load.toFixed(1)}); figures will be too low\n`)
}

const plan = readArguments()
const obstacle = plan.measurements.length === 0 ? null : whyNot()
if (obstacle !== null) {
  process.stderr.write(`bench: ${obstacle}\n`)
  process.exit(1)
}
warnWhenBusy()

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
const missed = outcomes.filter((outcome) => isMet(outcome) === false)
const failed = outcomes.filter((outcome) => Object.keys(outcome.failures).length > 0)
if (plan.json) {
  const machine = { node: process.version, architecture: process.arch }
  process.stdout.write(
    `${JSON.stringify({ machine, duration: plan.duration, outcomes: outcomesAsJson(outcomes) }, null, 2)}\n`,
  )
} else if (outcomes.length > 0) {
  process.stdout.write(`\n${formatOutcomes(outcomes)}\n`)
}
process.exitCode = failed.length > 0 || (plan.check && missed.length > 0) ? 1 : 0
