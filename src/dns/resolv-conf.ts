/** The operating system's own configuration, resolv.conf(5), as far as it matters to a resolver that is not its own. */
import { IpAddress } from '../address/index.ts'

/** What resolv.conf(5) says. */
export interface ResolvConf {
  readonly servers: readonly string[]
  readonly searchList: readonly string[]
  readonly ndots: number | undefined
  readonly rotate: boolean
}

/** resolv.conf(5): at most so many count. */
const MOST_SERVERS = 3
const MOST_NDOTS = 15

/** What is no line of it is skipped. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = []
  let searchList: string[] = []
  let ndots: number | undefined
  let rotate = false
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver') {
      const server = IpAddress.tryParse(values[0] ?? '')?.toString()
      if (server !== undefined && servers.length < MOST_SERVERS) servers.push(server)
    }
    // The last of these counts.
    if (keyword === 'search') searchList = values
    if (keyword === 'domain') searchList = values.slice(0, 1)
    if (keyword !== 'options') continue
    for (const option of values) {
      const [, digits] = /^ndots:(\d+)$/.exec(option) ?? []
      if (digits !== undefined) ndots = Math.min(Number(digits), MOST_NDOTS)
      if (option === 'rotate') rotate = true
    }
  }
  return { servers, searchList, ndots, rotate }
}
