// Pings an address, as ping(8) does.
//
//   tapstack run examples/ping.ts --target 10.0.0.1
//   tapstack run examples/ping.ts --net socket --target 127.0.0.1 --count 2
import { setTimeout as sleep } from 'node:timers/promises'
import { unikernel } from 'tapstack'

export default unikernel({
  name: 'ping',
  description: 'sends echo requests to an address and shows the replies; exit code 1 if there were none',
  arguments: {
    target: { type: 'address', required: true, short: 't', doc: 'whom to ping' },
    count: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 4, short: 'c', doc: 'how many requests' },
    interval: { type: 'duration', default: '1s', short: 'i', doc: 'time from one request to the next' },
    size: { type: 'integer', minimum: 0, maximum: 65_507, default: 56, short: 's', doc: 'bytes of payload' },
    timeout: { type: 'duration', minimum: 1, default: '5s', short: 'W', doc: 'how long to wait for each reply' },
  },
  async start({ stack, arguments: { target, count, interval, size, timeout }, signal }) {
    const times: number[] = []
    let sent = 0
    console.log(`PING ${target}: ${size} bytes of payload`)
    while (sent < count && !signal.aborted) {
      const next = performance.now() + interval
      sent++
      try {
        const reply = await stack.ping(target, { size, timeout, signal })
        times.push(reply.roundTripMilliseconds)
        const time = reply.roundTripMilliseconds.toFixed(3)
        console.log(`${reply.size} bytes from ${reply.address}: seq=${sent} ttl=${reply.hopLimit} time=${time} ms`)
      } catch (error) {
        if (signal.aborted) break
        console.log(`seq=${sent}: ${(error as Error).message}`)
      }
      const wait = next - performance.now()
      // A signal ends the wait; the summary comes in any case.
      if (sent < count && wait > 0) await sleep(wait, undefined, { signal }).catch(() => {})
    }
    const lost = Math.round((1 - times.length / sent) * 100)
    console.log(`${sent} sent, ${times.length} received, ${lost}% lost`)
    if (times.length === 0) return 1
    const average = times.reduce((sum, time) => sum + time, 0) / times.length
    const figures = [Math.min(...times), average, Math.max(...times)].map((time) => time.toFixed(3))
    console.log(`round trip min/avg/max: ${figures.join('/')} ms`)
    return 0
  },
})
