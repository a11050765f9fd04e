import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { IpPrefix } from '../address/index.ts'
import type { Endpoint } from '../stack/index.ts'
import { expectedBy, formatDuration, parseValue } from './argument-types.ts'
import type { ArgumentDeclarations } from './arguments.ts'
import { BadArgument } from './arguments.ts'
import { optionName, parseCommandLine } from './command-line.ts'

const declarations = {
  port: { type: 'port', default: 80, doc: '' },
  count: { type: 'integer', minimum: -5, maximum: 10, short: 'c', doc: '' },
  ratio: { type: 'number', minimum: 0, doc: '' },
  verbose: { type: 'boolean', short: 'v', doc: '' },
  colour: { type: 'boolean', default: true, doc: '' },
  greeting: { type: 'string', default: 'hello', doc: '' },
  target: { type: 'address', doc: '' },
  network: { type: 'prefix', doc: '' },
  upstream: { type: 'endpoint', repeated: true, doc: '' },
  everySoOften: { type: 'duration', default: '1.5s', doc: '' },
  mode: { type: 'choice', choices: ['fast', 'safe'], default: 'safe', doc: '' },
} as const satisfies ArgumentDeclarations

function parse(...argv: string[]) {
  return parseCommandLine(declarations, argv)
}

/** The message for a command line that does not fit; it is one line. */
function complaint(...argv: string[]): string {
  try {
    parse(...argv)
  } catch (error) {
    expect(error).toBeInstanceOf(BadArgument)
    expect((error as Error).message).not.toContain('\n')
    return (error as Error).message
  }
  return expect.unreachable(`${argv.join(' ')} was accepted`)
}

describe('values', () => {
  test('defaults, and nothing given', () => {
    const { given, ...values } = parse()
    expect(values).toEqual({
      port: 80,
      count: undefined,
      ratio: undefined,
      verbose: false,
      colour: true,
      greeting: 'hello',
      target: undefined,
      network: undefined,
      upstream: [],
      everySoOften: 1500,
      mode: 'safe',
    })
    expect(given.size).toBe(0)
  })

  test('their types follow from the declarations', () => {
    const values = parse()
    expectTypeOf(values.port).toEqualTypeOf<number>()
    expectTypeOf(values.count).toEqualTypeOf<number | undefined>()
    expectTypeOf(values.verbose).toEqualTypeOf<boolean>()
    expectTypeOf(values.greeting).toEqualTypeOf<string>()
    expectTypeOf(values.network).toEqualTypeOf<IpPrefix | undefined>()
    expectTypeOf(values.upstream).toEqualTypeOf<Endpoint[]>()
    expectTypeOf(values.mode).toEqualTypeOf<'fast' | 'safe'>()
    const required = parseCommandLine({ target: { type: 'address', required: true, doc: '' } }, ['--target', '::1'])
    expectTypeOf(required.target).toEqualTypeOf<string>()
  })

  test('both ways of writing, short names, and the last one counts', () => {
    const values = parse('--port=7', '--port', '8', '-c', '3', '--every-so-often', '2m', '--mode=fast', '-v')
    expect(values).toMatchObject({ port: 8, count: 3, everySoOften: 120_000, mode: 'fast', verbose: true })
    expect(parse('-c3').count).toBe(3)
    expect(parse('-c=3').count).toBe(3)
    expect([...values.given].sort()).toEqual(['count', 'everySoOften', 'mode', 'port', 'verbose'])
  })

  test('negative numbers are values and not options', () => {
    expect(parse('--count', '-3').count).toBe(-3)
    expect(parse('--count=-3').count).toBe(-3)
  })

  test('switches', () => {
    expect(parse('--verbose').verbose).toBe(true)
    expect(parse('--verbose=false').verbose).toBe(false)
    expect(parse('--verbose', 'false').verbose).toBe(false)
    expect(parse('--verbose', '--no-verbose').verbose).toBe(false)
    expect(parse('--no-colour').colour).toBe(false)
    expect(parse('--colour=yes').colour).toBe(true)
  })

  test('addresses in canonical form, prefixes, endpoints', () => {
    expect(parse('--target', 'FD00:0::1').target).toBe('fd00::1')
    expect(parse('--network', '10.1.2.3/8').network?.toString()).toBe('10.1.2.3/8')
    expect(parse('--upstream=10.0.0.1:80', '--upstream', '[fd00::1]:443').upstream).toEqual([
      { address: '10.0.0.1', port: 80 },
      { address: 'fd00::1', port: 443 },
    ])
  })

  test('texts may be anything, with = also what looks like an option', () => {
    expect(parse('--greeting', '').greeting).toBe('')
    expect(parse('--greeting=--port').greeting).toBe('--port')
    expect(parse('--greeting', 'a b=c').greeting).toBe('a b=c')
  })

  test.each([
    ['250ms', 250],
    ['3s', 3_000],
    ['50000000', 50],
    ['5000000000', 5_000],
    ['1', 1],
    ['0', 0],
    ['1500us', 2],
    ['2000000ns', 2],
    ['1.5s', 1_500],
  ])('the duration %s, without a unit in nanoseconds', (text, milliseconds) => {
    expect(parse('--every-so-often', text).everySoOften).toBe(milliseconds)
  })

  test('whatever is printed as a duration reads as the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (milliseconds) => {
        expect(parseValue({ type: 'duration', doc: '' }, formatDuration(milliseconds))).toBe(milliseconds)
      }),
    )
  })

  test('no text makes parsing fail with anything but a BadArgument', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom('--port', '--count=', '-c', '--', '-', '--no-'))),
        (argv) => {
          try {
            parse(...argv)
          } catch (error) {
            expect(error).toBeInstanceOf(BadArgument)
          }
        },
      ),
    )
  })
})

describe('complaints name the argument and what is expected', () => {
  test.each([
    [['--port', 'abc'], '--port: expected a port from 0 to 65535, not "abc"'],
    [['--port=70000'], '--port: expected a port from 0 to 65535, not "70000"'],
    [['--count', '11'], '--count: expected an integer from -5 to 10, not "11"'],
    [['--count=1.5'], '--count: expected an integer from -5 to 10, not "1.5"'],
    [['--ratio=-1'], '--ratio: expected a number, 0 or more, not "-1"'],
    [['--verbose=maybe'], '--verbose: expected true or false, not "maybe"'],
    [['--target', '10.0.0'], '--target: expected an IP address such as 10.0.0.1, not "10.0.0"'],
    [
      ['--network', '10.0.0.1/33'],
      '--network: expected an IP address with its prefix length such as 10.0.0.2/24, not "10.0.0.1/33"',
    ],
    [
      ['--upstream', 'fd00::1:80'],
      '--upstream: expected an address with a port such as 10.0.0.1:80 or [fd00::1]:80, not "fd00::1:80"',
    ],
    [['--every-so-often', '90x'], '--every-so-often: expected a duration such as 500ms, 2s or 1m, not "90x"'],
    [
      ['--every-so-often', '25000h'],
      '--every-so-often: expected a duration such as 500ms, 2s or 1m, 596h or less, not "25000h"',
    ],
    [['--every-so-often', '1.5'], '--every-so-often: expected a duration such as 500ms, 2s or 1m, not "1.5"'],
    [['--mode=quick'], '--mode: expected one of fast, safe, not "quick"'],
    [
      ['--network=[fd00::]/8'],
      '--network: expected an IP address with its prefix length such as 10.0.0.2/24, not "[fd00::]/8"; did you mean fd00::/8?',
    ],
    [['--mode=fsat'], '--mode: expected one of fast, safe, not "fsat"; did you mean fast?'],
    [['--port'], '--port: expected a port from 0 to 65535'],
    [['-c'], '-c: expected an integer from -5 to 10'],
    [['--greeting', '--port', '7'], '--greeting: expected a text before --port'],
    [['--prot', '7'], 'unknown argument --prot: did you mean --port? --help lists them all'],
    [['--everySoOften', '7'], 'unknown argument --everySoOften: did you mean --every-so-often? --help lists them all'],
    [['--often', '7'], 'unknown argument --often: did you mean --every-so-often? --help lists them all'],
    [['--greting=x'], 'unknown argument --greting: did you mean --greeting? --help lists them all'],
    [['--something', 'else'], 'unknown argument --something: --help lists them all'],
    [['-x'], 'unknown argument -x: --help lists them all'],
    [['--no-port'], 'unknown argument --no-port: --help lists them all'],
    [['stray'], 'unexpected argument "stray": expected --name value, --help lists them all'],
    [['--', 'stray'], 'unexpected argument "stray": expected --name value, --help lists them all'],
    [['--verbose', 'stray'], 'unexpected argument "stray": expected --name value, --help lists them all'],
  ])('%j', (argv, message) => {
    expect(complaint(...argv)).toBe(message)
  })

  test('one that is missing', () => {
    const required = { target: { type: 'address', family: 6, required: true, doc: '' } } as const
    expect(() => parseCommandLine(required, [])).toThrow(
      '--target is missing: expected an IPv6 address such as fd00::1',
    )
  })
})

test('names on the command line', () => {
  expect(optionName('ipv4Gateway')).toBe('ipv4-gateway')
})

test('a range as a phrase', () => {
  expect(expectedBy({ type: 'integer', maximum: 5, doc: '' })).toBe('an integer, 5 or less')
  expect(expectedBy({ type: 'duration', minimum: 1, maximum: 60_000, doc: '' })).toBe(
    'a duration such as 500ms, 2s or 1m from 1ms to 1m',
  )
})

test('a parser of an application may throw for what does not fit', () => {
  const url = { type: 'custom', expected: 'a URL', parse: (text: string) => new URL(text), doc: '' } as const
  expect(parseCommandLine({ url }, ['--url=http://x']).url).toEqual(new URL('http://x'))
  expect(() => parseCommandLine({ url }, ['--url=x'])).toThrow('--url: expected a URL, not "x" (Invalid URL)')
})
