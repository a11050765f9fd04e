import { isIP } from 'node:net'
import type { IpFamily } from '../../address/index.ts'
import { type Clock, MILLISECOND, Timer } from '../../clock/index.ts'
import {
  type AddressLookup,
  connectByName,
  type DestinationOrder,
  type DnsError,
  dnsError,
  type HappyEyeballsSettings,
  happyEyeballsSettings,
  isDnsError,
  lookupError,
  ordered,
  questionName,
} from '../../dns/index.ts'
import { SystemError } from '../../errors/index.ts'
import { checkInteger, checkPort } from '../options.ts'
import type { ConnectOptions, Flow } from '../stack.ts'

/**
 * Whether what to connect to is the name of a host, and not an address.
 * @throws TypeError if it is neither
 */
export function isHostName(address: string): boolean {
  if (typeof address === 'string') {
    if (isIP(address) !== 0) return false
    if ((questionName(address) ?? '') !== '') return true
  }
  throw new TypeError(`address is an IP address or the name of a host, not ${JSON.stringify(address)}`)
}

/** The two ways to call `connect`: with options, or with host and port. */
export function connectOptions(
  target: ConnectOptions | string,
  port: number | undefined,
  options: Omit<ConnectOptions, 'address' | 'port'> | undefined,
): ConnectOptions {
  return typeof target === 'string' ? { ...options, address: target, port: port as number } : target
}

export interface NameConnectorParts {
  lookup: AddressLookup
  clock: Clock
  order: DestinationOrder
  settings?: Partial<HappyEyeballsSettings> | undefined
  /** One attempt. */
  connect(options: ConnectOptions): Promise<Flow>
}

/** Connecting to a host by its name, by Happy Eyeballs (RFC 8305). */
export class NameConnector {
  readonly #parts: NameConnectorParts
  readonly #settings: HappyEyeballsSettings

  /** @throws RangeError for a setting */
  constructor(parts: NameConnectorParts) {
    this.#parts = parts
    this.#settings = happyEyeballsSettings(parts.settings)
  }

  /** @throws (by rejecting) as `Stack.connect` */
  async connect(options: ConnectOptions): Promise<Flow> {
    const { address: host, port, timeout, signal, ...rest } = options
    const { clock } = this.#parts
    checkPort('port', port, 1)
    if (timeout !== undefined) checkInteger('timeout', timeout, 1, 2 ** 31 - 1)
    const limit = new AbortController()
    const timer = new Timer({ onTimer: () => limit.abort() })
    if (timeout !== undefined) clock.arm(timer, clock.now() + timeout * MILLISECOND)
    const signals = [limit.signal, ...(signal === undefined ? [] : [signal])]
    try {
      return await connectByName<Flow>({
        clock,
        settings: this.#settings,
        families: this.#families(options),
        sort: (addresses) => ordered(this.#parts.order, addresses, 'verbatim'),
        resolve: (family, callback) => this.#resolve(host, family, callback),
        connect: ({ address }, own) => this.#parts.connect({ ...rest, address, port, signal: own }),
        discard: (flow) => flow.abort(),
        timeoutError: ({ address }) => new SystemError('ETIMEDOUT', 'connect', { address, port }),
        failure: (errors) => failure(host, port, errors),
        signal: AbortSignal.any(signals),
      })
    } catch (error) {
      if (limit.signal.aborted && signal?.aborted !== true) {
        throw new SystemError('ETIMEDOUT', 'connect', { address: host, port })
      }
      throw error
    } finally {
      clock.disarm(timer)
    }
  }

  /** Those that we have an address of; both if we have none but loopback's. */
  #families({ localAddress }: ConnectOptions): IpFamily[] {
    if (localAddress !== undefined) return [localAddress.includes(':') ? 6 : 4]
    const own = this.#parts.order.addresses().filter(({ address }) => !address.isLoopback)
    const families = ([6, 4] as const).filter((family) => own.some(({ address }) => address.family === family))
    return families.length === 0 ? [6, 4] : families
  }

  #resolve(
    host: string,
    family: IpFamily,
    callback: (outcome: readonly { address: string; family: IpFamily }[] | Error) => void,
  ): () => void {
    const { resolveTimeout, resolveRetries } = this.#settings
    const settings = { tryTimeout: resolveTimeout, longestTryTimeout: resolveTimeout, tries: resolveRetries + 1 }
    const done: Parameters<AddressLookup['lookup']>[2] = (outcome) => {
      if (typeof outcome !== 'string') callback(outcome)
      else callback(lookupError(outcome, host))
    }
    return this.#parts.lookup.lookup(host, [family], done, settings)
  }
}

/** The error of the only attempt, all of them in the order of the attempts, or why there was none. */
function failure(host: string, port: number, errors: readonly Error[]): Error {
  const attempts = errors.filter((error) => !isDnsError(error))
  if (attempts.length === 1) return attempts[0]
  if (attempts.length > 1) {
    const { code } = attempts[0] as SystemError
    const message = `connect ${code} ${host}:${port} (${attempts.length} addresses)`
    // As node:net with autoSelectFamily.
    return Object.assign(new AggregateError(attempts, message), { code })
  }
  const unknown = errors.find((error) => (error as DnsError).code !== 'ENOTFOUND')
  return unknown ?? errors[0] ?? dnsError('EAI_AGAIN', 'getaddrinfo', host)
}
