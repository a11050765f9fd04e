/**
 * `npm run test:fuzz -- [MESSAGES [SEED]]`: a whole campaign, ten million messages by default, a seed for each million. Says how
 * far it is, and ends with exit code 1 and the seed if something is not as it has to be.
 */
import process from 'node:process'
import { fuzzIpv4Messages } from './ipv4-messages.ts'

const MILLION = 1_000_000
const [messages = 10 * MILLION, firstSeed = 1] = process.argv.slice(2).map(Number)
if (!(messages > 0) || !Number.isInteger(firstSeed)) throw new Error('npm run test:fuzz -- [MESSAGES [SEED]]')
const total = { dhcp: 0, arp: 0, icmp: 0, igmp: 0, bound: 0, lost: 0 }
for (let done = 0, seed = firstSeed; done < messages; done += MILLION, seed++) {
  const result = await fuzzIpv4Messages(seed, Math.min(MILLION, messages - done))
  for (const [kind, count] of Object.entries(result.messages)) total[kind as 'dhcp'] += count
  total.bound += result.bound
  total.lost += result.lost
  console.log(`seed ${seed}: ${JSON.stringify(total)}`)
}
