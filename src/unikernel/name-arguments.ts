/** Boot arguments about names: DNS and Happy Eyeballs, under the names and with the meaning that they have in MirageOS. */
import { DEFAULT_HAPPY_EYEBALLS, type HappyEyeballsSettings, parseServer } from '../dns/index.ts'
import type { CreateStackOptions } from '../stack/index.ts'
import type { ArgumentValues } from './arguments.ts'

/** One server, or several with commas between them. */
function parseServerList(text: string): string[] | undefined {
  const servers = text.split(',').map((each) => each.trim())
  return servers.every((each) => parseServer(each) !== null) ? servers : undefined
}

const LONGEST = 2 ** 31 - 1

export const NAME_ARGUMENTS = {
  dnsServers: {
    type: 'custom',
    expected: 'addresses of name servers such as 192.0.2.1, tcp:[fd00::1]:5353 or tls:192.0.2.1!dns.example',
    parse: parseServerList,
    placeholder: 'SERVER,...',
    repeated: true,
    doc: 'the name servers to ask, instead of those that the network offers',
  },
  dnsTimeout: {
    type: 'duration',
    minimum: 1,
    maximum: LONGEST,
    default: '5s',
    doc: 'how long a name server may take for one question, asking again included',
  },
  dnsCacheSize: {
    type: 'integer',
    minimum: 0,
    maximum: 1_048_576,
    default: 1024,
    doc: 'how many answers of name servers are kept',
  },
  heAaaaTimeout: {
    type: 'duration',
    minimum: 0,
    maximum: LONGEST,
    default: '50ms',
    doc: 'connecting to a name: how long IPv6 addresses may come after those of IPv4',
  },
  heConnectDelay: {
    type: 'duration',
    minimum: 10,
    maximum: LONGEST,
    default: '250ms',
    doc: 'connecting to a name: when the next address is tried beside the last',
  },
  heConnectTimeout: {
    type: 'duration',
    minimum: 1,
    maximum: LONGEST,
    default: '10s',
    doc: 'connecting to a name: when an address is given up',
  },
  heResolveTimeout: {
    type: 'duration',
    minimum: 1,
    maximum: LONGEST,
    default: '1s',
    doc: 'connecting to a name: after which its addresses are asked for again',
  },
  heResolveRetries: {
    type: 'integer',
    minimum: 0,
    maximum: 1_000,
    default: DEFAULT_HAPPY_EYEBALLS.resolveRetries,
    doc: 'connecting to a name: how often its addresses are asked for again',
  },
  heTimerInterval: {
    type: 'duration',
    minimum: 0,
    maximum: 60_000,
    default: '0ms',
    doc: 'connecting to a name: what these times are rounded up to; 0ms: they are exact',
  },
} as const

type NameValues = ArgumentValues<typeof NAME_ARGUMENTS> & { readonly given: ReadonlySet<string> }

/** The setting of Happy Eyeballs that an argument stands for. */
const HAPPY_EYEBALLS = {
  heAaaaTimeout: 'resolutionDelay',
  heConnectDelay: 'attemptDelay',
  heConnectTimeout: 'attemptTimeout',
  heResolveTimeout: 'resolveTimeout',
  heResolveRetries: 'resolveRetries',
  heTimerInterval: 'timerInterval',
} as const satisfies { [Name in keyof NameValues]?: keyof HappyEyeballsSettings }

/** Options of `createStack`; nothing where the defaults are what is wanted. */
export function nameOptions(values: NameValues): Pick<CreateStackOptions, 'dns' | 'happyEyeballs'> {
  const { given } = values
  const dns = {
    ...(given.has('dnsServers') ? { servers: values.dnsServers.flat() } : {}),
    ...(given.has('dnsTimeout') ? { timeout: values.dnsTimeout } : {}),
    ...(given.has('dnsCacheSize') ? { cacheSize: values.dnsCacheSize } : {}),
  }
  const settings = Object.entries(HAPPY_EYEBALLS)
    .filter(([name]) => given.has(name))
    .map(([name, setting]) => [setting, values[name as keyof typeof HAPPY_EYEBALLS]])
  return {
    ...(Object.keys(dns).length === 0 ? {} : { dns }),
    ...(settings.length === 0 ? {} : { happyEyeballs: Object.fromEntries(settings) }),
  }
}
