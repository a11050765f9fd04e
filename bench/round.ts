import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Duration, type Link, type Measurement, measure } from './measurements.ts'
import { type Namespaces, type Place, type RelayedPlace, SUBJECT_ADDRESS, TAP_NAME, VETH_NAME } from './namespaces.ts'
import { type Placement, runningPids, Subject } from './processes.ts'
import { type Patience, type ProcessorUse, ProcessorWatch } from './processor-use.ts'
import { formatProfile, summarize } from './profile.ts'
import type { Round, SubjectName } from './report.ts'

const SCRIPTS: Record<SubjectName, string> = {
  tapstack: fileURLToPath(new URL('subjects/tapstack.mjs', import.meta.url)),
  'node:net': fileURLToPath(new URL('subjects/node-net.mjs', import.meta.url)),
  packet: fileURLToPath(new URL('subjects/tapstack.mjs', import.meta.url)),
}
const INTERFACES: Record<SubjectName, string> = {
  tapstack: `tap:${TAP_NAME}`,
  'node:net': VETH_NAME,
  packet: `packet:${VETH_NAME}`,
}
export const PROFILE_FOLDER = fileURLToPath(new URL('results/profiles', import.meta.url))
/** Often enough to see functions of a few microseconds in a run of 2 s, seldom enough not to bend the figures. */
const PROFILE_INTERVAL_MICROSECONDS = 250

/** More than this of a core used by others, and a patient bench takes the sample again. */
const DISTURBANCE = 0.1
const PATIENT_ATTEMPTS = 5

export interface RoundOptions {
  readonly duration: Duration
  readonly placement: Placement | null
  /** Null: takes samples when their turn has come, whatever else the machine does. */
  readonly patience: Patience | null
  /** Connections of a crowd. */
  readonly crowd: number
  readonly profile: boolean
  /** Functions of a profile that are printed. */
  readonly lines: number
}

export interface TakenRound {
  readonly round: Round
  /** What to print of the profile. */
  readonly profile: string | null
}

/**
 * One sample of one subject, in round `number`; a patient bench waits for a quiet machine and keeps the least disturbed of a few.
 * @throws Error when subject or load generator failed
 */
export async function takeRound(
  options: RoundOptions,
  measurement: Measurement,
  name: SubjectName,
  namespaces: Namespaces,
  generator: string,
  number: number,
): Promise<TakenRound> {
  const { patience } = options
  if (patience === null) return takeSample(options, measurement, name, namespaces, generator, number)
  let best: TakenRound | null = null
  for (let attempt = 0; attempt < PATIENT_ATTEMPTS; attempt++) {
    await patience.waitForQuiet()
    const taken = await takeSample(options, measurement, name, namespaces, generator, number)
    if (best === null || disturbance(taken) < disturbance(best)) best = taken
    if (disturbance(best) <= DISTURBANCE || patience.isExhausted) break
    patience.spend(options.duration.warmup + options.duration.seconds)
  }
  return best!
}

function disturbance(taken: TakenRound): number {
  return taken.round.processor?.others ?? 0
}

/** A fresh process for each sample: what one measurement did to heap and compiled code does not touch the next. */
async function takeSample(
  options: RoundOptions,
  measurement: Measurement,
  name: SubjectName,
  namespaces: Namespaces,
  generator: string,
  number: number,
): Promise<TakenRound> {
  const relayed = name === 'tapstack' ? namespaces.relayedTap : namespaces.relayedKernel
  const place = measurement.link === undefined ? directPlace(namespaces, name) : relayed
  const file = `${measurement.name}-${name.replace(':', '-')}.cpuprofile`
  const { service, port, address = SUBJECT_ADDRESS } = measurement
  const { warmup, seconds } = options.duration
  const parameters = [service, address, port, warmup, seconds, INTERFACES[name]].map(String)
  const nodeOptions = [...(measurement.nodeOptions ?? []), ...(options.profile ? profiling(file) : [])]
  const relay = measurement.link === undefined ? null : await startRelay(measurement.link, relayed, generator, number)
  const subject = new Subject(place.subject, process.execPath, [...nodeOptions, SCRIPTS[name], ...parameters])
  await subject.ready()
  const placement = options.placement ?? measurement.placement
  subject.place(placement)
  const watch = new ProcessorWatch(subject.pid, runningPids)
  const { duration, crowd } = options
  const sample = await measure(measurement, subject, { place, placement, generator, duration, crowd, watch })
  const processor = watch.finish()
  const printed = measurement.load === null ? '' : await subject.stop()
  const link = relay === null ? {} : { link: linkDetails(await relay.stop()) }
  const counters: Record<string, number> | null = printed.startsWith('{') ? JSON.parse(printed) : null
  const round: Round = { value: sample.value, processor, details: { ...sample.details, ...link }, counters }
  if (!options.profile) return { round, profile: null }

  const window = { begin: sample.beginNanoseconds / 1000, end: sample.endNanoseconds / 1000 }
  const summary = summarize(join(PROFILE_FOLDER, file), window)
  const head = [
    `${name}, ${measurement.name}: ${sample.value.toFixed(measurement.decimals)} ${measurement.unit}`,
    `${(summary.duration / 1e6).toFixed(2)} s, ${summary.samples} samples`,
    `bench/results/profiles/${file}`,
  ].join(' · ')
  const frames = counters === null ? '' : `${framesLine(counters)}\n`
  const busy = processor === null ? '' : `${processorLine(processor, summary.idle / summary.duration)}\n`
  return { round, profile: `\n${head}\n${busy}${frames}${formatProfile(summary, options.lines)}\n` }
}

function directPlace(namespaces: Namespaces, name: SubjectName): Place {
  if (name === 'packet') return namespaces.packet
  return name === 'tapstack' ? namespaces.tap : namespaces.veth
}

async function startRelay(link: Link, place: RelayedPlace, generator: string, seed: number): Promise<Subject> {
  const { milliseconds, loss } = link
  const relay = new Subject(place.client, generator, [
    'relay',
    ...place.ends,
    ...[milliseconds, loss, seed].map(String),
  ])
  await relay.ready()
  return relay
}

/** @throws Error when the relay has lost more than chance told it to */
function linkDetails(printed: string): Record<string, number> {
  const details: Record<string, number> = JSON.parse(printed)
  if (details.overflowed > 0) throw new Error(`the relay was too slow: ${details.overflowed} frames too many`)
  return details
}

function profiling(file: string): string[] {
  const interval = `--cpu-prof-interval=${PROFILE_INTERVAL_MICROSECONDS}`
  return ['--cpu-prof', `--cpu-prof-dir=${PROFILE_FOLDER}`, `--cpu-prof-name=${file}`, interval]
}

/** V8 calls idle what the event loop does in native code before it enters JavaScript: the system knows better. */
function processorLine(use: ProcessorUse, idle: number): string {
  const percent = (share: number) => `${Math.round(share * 100)} %`
  const hidden = Math.max(0, Math.min(idle, use.user + use.system - (1 - idle)))
  return (
    `processor by the system's count: ${percent(use.user)} user + ${percent(use.system)} system, ` +
    `so about ${percent(hidden)} of what V8 calls idle is native code; others used ${percent(use.others)} of a core`
  )
}

/** How well bursts and offload work, over the whole life of the subject. */
function framesLine(counters: Record<string, number>): string {
  const { receivedFrames, receivedBytes, transmittedFrames, transmittedBytes, bursts } = counters
  const mean = (total: number, count: number) => (count === 0 ? '0' : (total / count).toFixed(1))
  const lost = Object.entries(counters).filter(
    ([name, count]) => !/^(received|transmitted|bursts)/.test(name) && count > 0,
  )
  return (
    `frames: ${receivedFrames} received of ${mean(receivedBytes, receivedFrames)} bytes, ` +
    `${mean(receivedFrames, bursts)} a burst; ${transmittedFrames} transmitted of ` +
    `${mean(transmittedBytes, transmittedFrames)} bytes, ${mean(transmittedFrames, bursts)} a burst` +
    lost.map(([name, count]) => `; ${name} ${count}`).join('')
  )
}
