/** What node:dns says about arguments that do not fit, in its words and with its codes. */
import { isIP } from 'node:net'
import { inspect } from 'node:util'

function coded<E extends Error>(error: E, code: string): E {
  return Object.assign(error, { code })
}

function describe(name: string): string {
  return `${name.includes('.') ? 'property' : 'argument'}`
}

function received(value: unknown): string {
  if (value === null || value === undefined) return `Received ${value}`
  if (typeof value === 'function') return `Received function ${value.name}`
  if (typeof value === 'object') {
    const name = value.constructor?.name
    return name ? `Received an instance of ${name}` : `Received ${inspect(value, { depth: -1 })}`
  }
  const text = inspect(value, { colors: false })
  return `Received type ${typeof value} (${text.length > 28 ? `${text.slice(0, 25)}...` : text})`
}

/** @param expected as in "of type string", "an instance of Array" */
export function invalidArgType(name: string, expected: string, value: unknown): TypeError {
  const message = `The "${name}" ${describe(name)} must be ${expected}. ${received(value)}`
  return coded(new TypeError(message), 'ERR_INVALID_ARG_TYPE')
}

export function invalidArgValue(name: string, value: unknown, reason = 'is invalid'): TypeError {
  const inspected = inspect(value)
  const shown = inspected.length > 128 ? `${inspected.slice(0, 128)}...` : inspected
  const message = `The ${describe(name)} '${name}' ${reason}. Received ${shown}`
  return coded(new TypeError(message), 'ERR_INVALID_ARG_VALUE')
}

export function missingArgs(...names: string[]): TypeError {
  const quoted = names.map((name) => `"${name}"`)
  const last = quoted.pop()
  const list = quoted.length > 1 ? `${quoted.join(', ')}, and ${last}` : `${quoted[0]} and ${last}`
  return coded(new TypeError(`The ${list} arguments must be specified`), 'ERR_MISSING_ARGS')
}

export function validateString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string') throw invalidArgType(name, 'of type string', value)
}

/** As newer versions of Node, which do not take what C would cut off. */
export function validateHostname(value: unknown): asserts value is string {
  validateString(value, 'hostname')
  if (value.includes('\0')) throw invalidArgValue('hostname', value, 'must be a string without null bytes')
}

export function validateBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'of type boolean', value)
}

export function validateNumber(value: unknown, name: string): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value)
}

// biome-ignore lint/complexity/noBannedTypes: any function
export function validateFunction(value: unknown, name: string): asserts value is Function {
  if (typeof value !== 'function') throw invalidArgType(name, 'of type function', value)
}

export function validateOneOf(value: unknown, name: string, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return
  const list = allowed.map((each) => (typeof each === 'string' ? `'${each}'` : String(each))).join(', ')
  throw invalidArgValue(name, value, `must be one of: ${list}`)
}

/** @param most default the largest signed integer of 32 bits */
export function validateInt32(
  value: unknown,
  name: string,
  least: number,
  most = 2 ** 31 - 1,
): asserts value is number {
  validateNumber(value, name)
  const wrong = !Number.isInteger(value)
    ? 'an integer'
    : value < least || value > most
      ? `>= ${least} && <= ${most}`
      : null
  if (wrong === null) return
  const message = `The value of "${name}" is out of range. It must be ${wrong}. Received ${inspect(value)}`
  throw coded(new RangeError(message), 'ERR_OUT_OF_RANGE')
}

/** A port as a number, or as text that is one. */
export function validatePort(value: unknown): number {
  const isPort =
    (typeof value === 'number' || (typeof value === 'string' && value.trim().length > 0)) &&
    Number(value) === Number(value) >>> 0 &&
    Number(value) <= 65_535
  if (isPort) return Number(value)
  const message = `Port should be >= 0 and < 65536. ${received(value)}.`
  throw coded(new RangeError(message), 'ERR_SOCKET_BAD_PORT')
}

export function validateAddress(value: unknown, name: string): asserts value is string {
  if (isIP(value as string) === 0) throw invalidArgValue(name, value)
}

export function invalidIpAddress(text: string): TypeError {
  return coded(new TypeError(`Invalid IP address: ${text}`), 'ERR_INVALID_IP_ADDRESS')
}

/** For `setServers`. */
export function setServersFailed(reason: string, servers: readonly string[]): Error {
  const message = `c-ares failed to set servers: "${reason}" [${inspect(servers)}]`
  return coded(new Error(message), 'ERR_DNS_SET_SERVERS_FAILED')
}

/** For `setLocalAddress`. */
export function invalidLocalAddress(message: string): TypeError {
  return coded(new TypeError(message), 'ERR_INVALID_ARG_VALUE')
}
