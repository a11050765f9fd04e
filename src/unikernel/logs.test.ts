import { expect, test } from 'vitest'
import { SystemError } from '../errors/index.ts'
import { LogLevels } from './log-levels.ts'
import { createLogs } from './logs.ts'

function capture(levels: string, options: { format?: 'text' | 'json'; terminal?: boolean; colour?: boolean } = {}) {
  const lines: string[] = []
  const logs = createLogs({
    levels: LogLevels.parse(levels, 'echo')!,
    format: options.format ?? 'text',
    terminal: options.terminal ?? false,
    colour: options.colour ?? false,
    write: (line) => lines.push(line),
  })
  return { logs, lines }
}

test('levels by source', () => {
  const levels = LogLevels.parse('*:warn,tcp:debug,arp:silent,echo:error', 'echo')!
  expect(['udp', 'tcp', 'arp', 'echo'].map((source) => levels.of(source))).toEqual(['warn', 'debug', 'silent', 'error'])
  expect(LogLevels.parse('debug', 'echo')?.of('tcp')).toBe('debug')
  expect(LogLevels.parse('tcp:debug', 'echo')?.of('udp')).toBe('info')
})

test("MirageOS's names of levels, and how several add up", () => {
  const levels = LogLevels.parse('*:warning,tcp:quiet,arp:app', 'echo')!
  expect(['udp', 'tcp', 'arp'].map((source) => levels.of(source))).toEqual(['warn', 'silent', 'app'])
  const later = LogLevels.parse('tcp:debug,ipv4-fragments:error', 'echo')!.over(levels)
  expect(['udp', 'tcp', 'arp', 'ipv4-fragments'].map((source) => later.of(source))).toEqual([
    'warn',
    'debug',
    'app',
    'error',
  ])
})

test('levels change while logs are in use', () => {
  const { logs, lines } = capture('*:warn')
  const log = logs('tcp')
  log.debug('lost')
  logs.setLevels(LogLevels.parse('tcp:debug', 'echo')!.over(logs.levels))
  expect([log.debugEnabled, logs('udp').debugEnabled]).toEqual([true, false])
  log.debug('found')
  logs.setLevels(LogLevels.parse('app', 'echo')!)
  log.error('lost')
  log.app('said')
  expect(lines.map((line) => line.slice(25))).toEqual(['debug tcp: found\n', 'app   tcp: said\n'])
})

test('every entry goes to whoever else wants it, too', () => {
  const { logs, lines } = capture('*:info', { format: 'json' })
  const seen: unknown[] = []
  logs.onEntry((entry) => seen.push({ ...entry, text: logs.textOf(entry) }))
  logs('tcp').warn('slow', { port: 80 })
  expect(seen).toMatchObject([{ level: 'warn', source: 'tcp', message: 'slow', text: 'slow port=80' }])
  expect(lines).toHaveLength(1)
})

test.each(['', 'tcp', 'tcp:loud', 'nobody:info', 'tcp:info:debug', 'tcp:info,', '*'])('no levels: %j', (text) => {
  expect(LogLevels.parse(text, 'echo')).toBeUndefined()
})

test('a source logs at its level and above', () => {
  const { logs, lines } = capture('*:warn,tcp:debug')
  for (const source of ['udp', 'tcp']) {
    const log = logs(source)
    log.debug('d')
    log.info('i')
    log.warn('w')
    log.error('e')
  }
  expect(lines.map((line) => line.slice(25).trimEnd())).toEqual([
    'warn  udp: w',
    'error udp: e',
    'debug tcp: d',
    'info  tcp: i',
    'warn  tcp: w',
    'error tcp: e',
  ])
  expect([logs('udp').debugEnabled, logs('tcp').debugEnabled]).toEqual([false, true])
  expect(logs('tcp')).toBe(logs('tcp'))
})

test('silence', () => {
  const { logs, lines } = capture('silent')
  logs('tcp').error('nothing')
  expect(lines).toEqual([])
})

test('one line for people, with fields', () => {
  const { logs, lines } = capture('*:info')
  logs('tcp').info('connection', { from: '10.0.0.1', port: 80, text: 'two words', list: [1], empty: '' })
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info {2}tcp: connection from=10\.0\.0\.1 port=80 text="two words" list=\[1\] empty=""\n$/,
  )
})

test('errors: a system error by its message, a mistake in a program with its place; line breaks never break a line', () => {
  const { logs, lines } = capture('*:info')
  logs('tcp').error('failed', { error: new SystemError('ECONNRESET', 'read') })
  logs('tcp').error('failed', { error: new TypeError('not a\nfunction') })
  expect(lines[0].slice(25)).toBe('error tcp: failed error="read ECONNRESET"\n')
  expect(lines[1]).toMatch(/error="not a\\nfunction at .*logs\.test\.ts:\d+/)
  expect(lines[1].match(/\n/g)).toHaveLength(1)
})

test('on a terminal: the time of day, and colour for what matters', () => {
  const { logs, lines } = capture('*:info', { terminal: true, colour: true })
  logs('tcp').info('plain')
  logs('tcp').warn('coloured')
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}tcp: plain\n$/)
  expect(lines[1].startsWith('\x1b[33m')).toBe(true)
  expect(lines[1].endsWith('tcp: coloured\x1b[39m\n')).toBe(true)
})

test('JSON as pino writes it', () => {
  const { logs, lines } = capture('*:info', { format: 'json' })
  logs('echo').warn('careful', { port: 7, error: new SystemError('EPIPE', 'write') })
  expect(JSON.parse(lines[0])).toMatchObject({
    level: 'warn',
    source: 'echo',
    msg: 'careful',
    port: 7,
    error: { message: 'write EPIPE', code: 'EPIPE' },
  })
})
