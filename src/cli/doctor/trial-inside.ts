/** The program of a trial, inside its namespace: a stack on a tap, and the kernel that asks it. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { Tap } from '../../netif/index.ts'
import { createStack } from '../../stack/index.ts'
import { toolEnvironment } from '../namespace.ts'
import { onPath } from '../on-path.ts'
import type { TrialResult } from './trial.ts'

const PORT = 7
const SECONDS = 5
const KERNEL = { IPv4: '10.0.0.1/24', IPv6: 'fd00::1/64' } as const
const OURS = { IPv4: '10.0.0.2', IPv6: 'fd00::2' } as const
type Family = keyof typeof OURS

function ip(...words: string[]): void {
  const { status, stderr } = spawnSync('ip', words, { env: toolEnvironment(), encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr.trim()}`)
}

/** Milliseconds until the answer, or null. The stack is in this process, so nothing here may wait without it. */
async function ping(path: string, address: string): Promise<number | null> {
  const child = spawn(path, ['-n', '-c', '1', '-W', String(SECONDS), address], { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.on('data', (data) => (output += data))
  await new Promise((resolve) => child.on('close', resolve))
  const [, milliseconds] = /time[=<]([\d.]+) ms/.exec(output) ?? []
  return milliseconds === undefined ? null : Number(milliseconds)
}

async function connectTo(address: string): Promise<number | null> {
  const start = performance.now()
  return await new Promise((resolve) => {
    const socket = connect({ host: address, port: PORT, timeout: SECONDS * 1000 })
    const finish = (result: number | null) => {
      socket.destroy()
      resolve(result)
    }
    socket.on('connect', () => finish(performance.now() - start))
    socket.on('error', () => finish(null))
    socket.on('timeout', () => finish(null))
  })
}

const families: Family[] = existsSync('/proc/net/if_inet6') ? ['IPv4', 'IPv6'] : ['IPv4']
ip('link', 'set', 'lo', 'up')
const netif = await Tap.open({ name: 'tap0' })
for (const family of families) {
  ip('address', 'add', KERNEL[family], 'dev', 'tap0', ...(family === 'IPv6' ? ['nodad'] : []))
}
const stack = await createStack({
  netif,
  ipv4: `${OURS.IPv4}/24`,
  ipv6: `${OURS.IPv6}/64`,
  // Nobody else is there.
  ipv6Settings: { detectionTransmits: 0 },
})
await stack.listen({ port: PORT }, (flow) => flow.close())
const path = onPath('ping')
const answers: Record<string, number | null> = {}
for (const family of families) {
  answers[family] = await (path === null ? connectTo(OURS[family]) : ping(path, OURS[family]))
}
const by = path === null ? 'a connection' : 'ping'
const result: TrialResult = { offloads: netif.kernelOffloads, answers, by }
console.log(JSON.stringify(result))
process.exit(0)
