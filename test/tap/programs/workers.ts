/**
 * Taps in worker threads that end in every way: closing, leaving the tap open, exiting from a callback, being
 * terminated while frames arrive, throwing. Prints descriptors of taps before and after, and how each worker ended.
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { readdirSync, readlinkSync } from 'node:fs'
import process from 'node:process'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Tap } from '../../../src/netif/index.ts'
import { PacketMemory } from '../../../src/packet/index.ts'

function openTaps(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === '/dev/net/tun'
    } catch {
      return false
    }
  }).length
}

async function work(): Promise<void> {
  const { name, ending } = workerData
  const tap = await Tap.open({ name, up: false, memory: new PacketMemory({ smallSlots: 256, largeSlots: 16 }) })
  tap.attach({
    frame: () => {
      if (ending === 'exit') process.exit(3)
      if (ending === 'throw') throw new Error('from frame')
    },
    endOfBurst: () => {
      if (ending === 'close') tap.close()
    },
    closed: () => {},
  })
  if (ending === 'leave') tap.unref()
  parentPort!.postMessage('ready')
}

async function run(ending: string, index: number): Promise<string> {
  const name = `tap${index}`
  // On Node 20 a worker does not inherit the TypeScript loader, so it registers it for itself.
  const start = `import('tsx/esm/api').then(({ register }) => (register(), import(${JSON.stringify(import.meta.url)})))`
  const worker = new Worker(start, { eval: true, workerData: { name, ending } })
  let failure = ''
  worker.on('error', (error) => {
    failure = ` ${error.message}`
  })
  const ended = new Promise<number>((resolve) => worker.once('exit', resolve))
  if (ending !== 'leave') {
    await new Promise((resolve) => worker.once('message', resolve))
    // Broadcast datagrams of the kernel, to have frames arrive until the worker is gone.
    execFileSync('ip', ['address', 'add', `10.0.${index}.1/24`, 'broadcast', '+', 'dev', name])
    execFileSync('ip', ['link', 'set', name, 'up'])
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(() => resolve()))
    socket.setBroadcast(true)
    socket.on('error', () => {})
    const shower = setInterval(() => {
      for (let i = 0; i < 50; i++) socket.send('x', 9, `10.0.${index}.255`, () => {})
    }, 1)
    if (ending === 'terminate') setTimeout(() => worker.terminate(), 30)
    await ended
    clearInterval(shower)
    socket.close()
  }
  return `${ending} ${await ended}${failure}`
}

if (isMainThread) {
  const before = openTaps()
  const endings = ['close', 'leave', 'exit', 'throw', 'terminate', 'terminate', 'terminate', 'terminate']
  const ended = await Promise.all(endings.map(run))
  console.log(JSON.stringify({ before, after: openTaps(), ended }))
} else {
  await work()
}
