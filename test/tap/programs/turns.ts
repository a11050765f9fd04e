/**
 * turns.ts NAME QUEUES FLOWS EACH: the kernel sends EACH datagrams of each of FLOWS flows into a tap that nobody reads yet; then it is
 * read. Prints which queue each burst came from and how many frames it had, as JSON.
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { MultiQueueTap } from '../../../src/netif/index.ts'

const [name, ...numbers] = process.argv.slice(2) as [string, ...string[]]
const [queues, flows, each] = numbers.map(Number) as [number, number, number]
const netif = await MultiQueueTap.open({ name, queues })
const ip = (...words: string[]) => execFileSync('ip', words)
ip('address', 'add', '10.0.0.1/24', 'dev', name)
ip('neighbour', 'add', '10.0.0.2', 'lladdr', `${netif.mac}`, 'dev', name)
// Of the first flow there is as much as all others together have: its queue is always full.
for (let flow = 0; flow < flows; flow++) {
  const socket = createSocket('udp4')
  socket.bind(20_000 + flow, '10.0.0.1')
  await once(socket, 'listening')
  const send = () => new Promise((resolve) => socket.send('x', 9, '10.0.0.2', resolve))
  for (let i = 0; i < (flow === 0 ? flows * each : each); i++) await send()
  socket.close()
}
const bursts: [queue: number, frames: number][] = []
const before = netif.queues.map(() => 0)
let silent: NodeJS.Timeout
const rest = () => {
  console.log(JSON.stringify(bursts))
  netif.close()
}
netif.attach({
  frame() {},
  endOfBurst() {
    for (const [queue, { counters }] of netif.queues.entries()) {
      if (counters.receivedFrames > before[queue]!) bursts.push([queue, counters.receivedFrames - before[queue]!])
      before[queue] = counters.receivedFrames
    }
    clearTimeout(silent)
    silent = setTimeout(rest, 200)
  },
  closed() {},
})
