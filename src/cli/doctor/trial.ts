/** A stack on a tap of its own, in a namespace of its own, asked by the kernel at the other end. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type NamespaceEntry, toolEnvironment } from '../namespace.ts'
import { type Check, missing, ok, warning } from './check.ts'

/** What trial-inside.ts prints. */
export interface TrialResult {
  readonly offloads: { header: boolean; checksum: boolean; tcp4: boolean; tcp6: boolean; udp: boolean }
  /** Milliseconds until each family's answer, null for none; a family that the kernel lacks is not there. */
  readonly answers: Readonly<Record<string, number | null>>
  /** What asked. */
  readonly by: string
}

const PATIENCE_MILLISECONDS = 20_000

/** @param entry the way into a namespace, null if there is none */
export async function checkTrial(entry: NamespaceEntry | null, canBegin: boolean): Promise<Check[]> {
  const answer = 'a tap tried out'
  const offload = 'kernel offload'
  if (!canBegin) return []
  if (entry === null) {
    const found = 'not tried: that takes a network namespace of its own, which cannot be made here'
    return [warning(answer, found, 'Mend what `namespaces` says, or try a service.')]
  }
  const { output, complaints } = await run(entry)
  let result: TrialResult
  try {
    result = JSON.parse(output.trim().split('\n').at(-1) ?? '')
  } catch {
    const why = complaints.trim().split('\n').at(-1) || 'it said nothing'
    return [missing(answer, `a stack on a tap in a namespace did not start: ${why}`)]
  }
  return [checkOffloads(offload, result), checkAnswers(answer, result)]
}

function checkOffloads(name: string, { offloads }: TrialResult): Check {
  const { header, checksum, tcp4, tcp6, udp } = offloads
  const parts = Object.entries({ 'virtio header': header, checksums: checksum, TSO4: tcp4, TSO6: tcp6, USO: udp })
  const there = parts.filter(([, is]) => is).map(([what]) => what)
  const lacking = parts.filter(([, is]) => !is).map(([what]) => what)
  // A stack of ours does not use USO.
  if (header && checksum && tcp4 && tcp6) {
    return ok(name, `${there.join(', ')}${udp ? '' : '; no USO, which no stack here asks for'}`)
  }
  const found = `no ${lacking.join(', no ')}: bulk transfers are slower`
  return warning(name, found, 'Run it on a kernel of its own, Linux 3.8 or newer, and not on an emulation of one.')
}

function checkAnswers(name: string, { answers, by }: TrialResult): Check {
  const entries = Object.entries(answers)
  const silent = entries.filter(([, milliseconds]) => milliseconds === null).map(([family]) => family)
  if (silent.length === 0) {
    const times = entries.map(([family, milliseconds]) => `${family} ${milliseconds!.toFixed(1)} ms`)
    return ok(name, `a stack in a namespace answers ${by}: ${times.join(', ')}`)
  }
  const found = `a stack in a namespace does not answer ${by} over ${silent.join(' and ')}`
  return missing(name, found, 'See whether a firewall of this machine is at work: sudo nft list ruleset.')
}

/** The program beside this one, whatever its ending is. */
function insideProgram(): string {
  return fileURLToPath(import.meta.url).replace(/trial(\.\w+)$/, 'trial-inside$1')
}

function run(entry: NamespaceEntry): Promise<{ output: string; complaints: string }> {
  const [program, ...words] = entry.command
  const child = spawn(program!, [...words, process.execPath, ...process.execArgv, insideProgram()], {
    env: toolEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { output: '', complaints: '' }
  child.stdout.on('data', (data) => (said.output += data))
  child.stderr.on('data', (data) => (said.complaints += data))
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MILLISECONDS)
  return new Promise((resolve) => {
    child.on('error', (error) => {
      said.complaints += error.message
      resolve(said)
    })
    child.on('close', () => {
      clearTimeout(timer)
      resolve(said)
    })
  })
}
