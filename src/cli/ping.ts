/** `tapstack ping HOST`: echo requests one after the other, and what became of them, as ping(8) shows it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type DirectStack, PingStatistics, type PingSummary } from '../stack/index.ts'
import { type Unikernel, unikernel } from '../unikernel/index.ts'
import { addressOfTarget, expectedTarget } from './target.ts'
import { waitForWayOut } from './way-out.ts'

/** @param direct gives the stack that was made, null if it is one of the operating system's sockets */
export function pingTool(direct: () => DirectStack | null): Unikernel {
  return unikernel({
    name: 'ping',
    description: 'asks a host whether it is there (ICMP echo), and how long the way is',
    arguments: {
      target: {
        type: 'string',
        required: true,
        check: expectedTarget,
        placeholder: 'HOST',
        doc: 'an address or a name; without the option, too',
      },
      count: { type: 'integer', minimum: 1, maximum: 1_000_000_000, default: 4, short: 'c', doc: 'how many requests' },
      interval: { type: 'duration', minimum: 1, default: '1s', short: 'i', doc: 'time from one request to the next' },
      size: { type: 'integer', minimum: 0, maximum: 65_507, default: 56, short: 's', doc: 'bytes of payload' },
      timeout: { type: 'duration', minimum: 1, default: '5s', short: 'W', doc: 'how long to wait for each reply' },
      ttl: {
        type: 'integer',
        minimum: 0,
        maximum: 255,
        default: 0,
        short: 't',
        doc: "TTL or hop limit; 0 is the stack's own",
      },
      family: { type: 'choice', choices: ['any', '4', '6'], default: 'any', doc: 'which addresses of a name' },
      json: { type: 'boolean', doc: 'for programs: one object at the end' },
    },
    async start({ stack, arguments: { target, count, interval, size, timeout, ttl, family, json }, signal }) {
      const address = await addressOfTarget(stack, target, family === '4' ? 4 : family === '6' ? 6 : 0)
      await waitForWayOut(direct(), address, signal)
      const statistics = new PingStatistics()
      const replies: object[] = []
      const show = (line: string) => {
        if (!json) console.log(line)
      }
      show(`PING ${target === address ? address : `${target} (${address})`}: ${size} bytes of data`)
      const begin = performance.now()
      const ask = async (sequence: number) => {
        statistics.noteSent()
        try {
          const hopLimit = ttl === 0 ? {} : { hopLimit: ttl }
          const reply = await stack.ping(address, { size, timeout, signal, ...hopLimit })
          const milliseconds = reply.roundTripMilliseconds
          statistics.noteReply(milliseconds)
          if (json) replies.push({ sequence, hopLimit: reply.hopLimit, milliseconds: rounded(milliseconds) })
          const time = milliseconds.toFixed(3)
          show(`${reply.size} bytes from ${reply.address}: seq=${sequence} ttl=${reply.hopLimit} time=${time} ms`)
        } catch (error) {
          if (signal.aborted) return
          const { code, message } = error as NodeJS.ErrnoException
          if (json) replies.push({ sequence, error: code ?? message })
          show(`seq=${sequence}: ${code === 'ETIMEDOUT' ? 'no answer' : message}`)
        }
      }
      const asking: Promise<void>[] = []
      for (let sequence = 1; sequence <= count && !signal.aborted; sequence++) {
        // As ping(8): requests go out in their time, whatever has become of those before.
        asking.push(ask(sequence))
        const wait = begin + sequence * interval - performance.now()
        if (sequence < count && wait > 0) await sleep(wait, undefined, { signal }).catch(() => {})
        if (asking.length >= 64) await asking.shift()
      }
      await Promise.all(asking)
      const { summary } = statistics
      if (json) console.log(JSON.stringify({ target, address, size, replies, ...roundedSummary(summary) }))
      else for (const line of summaryLines(address, summary, performance.now() - begin)) console.log(line)
      return summary.received > 0 ? 0 : 1
    },
  })
}

export function summaryLines(address: string, summary: PingSummary, elapsed: number): string[] {
  const { sent, received, lostPercent, minimum, average, maximum, deviation } = summary
  const lines = [
    `--- ${address}`,
    `${sent} sent, ${received} received, ${Math.round(lostPercent)}% lost, ${Math.round(elapsed)} ms`,
  ]
  if (minimum === null || average === null || maximum === null || deviation === null) return lines
  const figures = [minimum, average, maximum, deviation].map((time) => time.toFixed(3)).join('/')
  return [...lines, `round trip min/avg/max/mdev: ${figures} ms`]
}

function roundedSummary({ sent, received, lostPercent, ...times }: PingSummary): object {
  const all = Object.entries(times).map(([name, time]) => [name, time === null ? null : rounded(time)])
  return { sent, received, lostPercent: rounded(lostPercent), ...Object.fromEntries(all) }
}

const rounded = (value: number) => Math.round(value * 1000) / 1000
