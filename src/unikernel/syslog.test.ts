import { createSocket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { SocketStack } from '../stack/index.ts'
import type { LogEntry } from './logs.ts'
import { run } from './run.ts'
import { type SyslogOptions, syslogMessage } from './syslog.ts'
import { type UnikernelContext, unikernel } from './unikernel.ts'

const from: SyslogOptions = {
  address: '10.0.0.1',
  port: 514,
  transport: 'udp',
  hostName: 'web-1',
  application: 'trial',
}
const entry: LogEntry = { time: '2026-01-02T03:04:05.678Z', level: 'warn', source: 'tcp', message: 'slow', fields: {} }

test('a message of RFC 5424, in one line, cut between characters', () => {
  expect(syslogMessage(entry, 'slow\nport=80', from, 1_000).toString()).toBe(
    `<12>1 2026-01-02T03:04:05.678Z web-1 trial ${process.pid} tcp - slow port=80`,
  )
  const priorities = (['error', 'app', 'info', 'debug'] as const).map(
    (level) =>
      syslogMessage({ ...entry, level }, '', from, 1_000)
        .toString()
        .split('>')[0],
  )
  expect(priorities).toEqual(['<11', '<13', '<14', '<15'])
  const length = syslogMessage(entry, '', from, 1_000).length
  expect(syslogMessage(entry, 'aé', from, length + 2).toString()).toMatch(/ - a$/)
})

function start(signals: EventEmitter, words: string[], begin: (context: UnikernelContext) => unknown) {
  return run(unikernel({ name: 'trial', start: begin }), ['--name=web-1', '--logs-format=json', ...words], {
    stdout: { write: () => {} },
    stderr: { write: () => {} },
    environment: {},
    signals,
    createStack: async () => new SocketStack(),
  })
}

test('--syslog and --syslog-port: over UDP what is logged; SIGUSR1 logs everything, and again what --logs says', async () => {
  const server = createSocket('udp4')
  const received: string[] = []
  server.on('message', (message) => received.push(String(message)))
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const signals = new EventEmitter()
  const words = ['--syslog=127.0.0.1', `--syslog-port=${server.address().port}`]
  const code = await start(signals, words, async ({ log }) => {
    log.debug('one')
    log.warn('two', { port: 80 })
    signals.emit('SIGUSR1')
    log.debug('three')
    signals.emit('SIGUSR1')
    log.debug('four')
    while (received.length < 4) await new Promise((resolve) => setTimeout(resolve, 5))
  })
  expect(code).toBe(0)
  expect(received.map((message) => message.replace(/^(<\d+>1) \S+ (\S+ \S+) \d+/, '$1 $2'))).toEqual([
    '<12>1 web-1 trial trial - two port=80',
    '<13>1 web-1 trial unikernel - everything is logged',
    '<15>1 web-1 trial trial - three',
    '<13>1 web-1 trial unikernel - the levels are those of --logs again',
  ])
  server.close()
})

test('--syslog-transport=tcp: with octet counting, and what was logged before the end arrives', async () => {
  let text = ''
  const server = createServer((socket) => socket.on('data', (data) => (text += data)).on('end', () => socket.end()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const words = ['--syslog=127.0.0.1', `--syslog-port=${port}`, '--syslog-transport=tcp']
  const code = await start(new EventEmitter(), words, async ({ log }) => {
    log.info('one')
    log.info('two')
    while (!text.includes('two')) await new Promise((resolve) => setTimeout(resolve, 5))
    log.info('three')
  })
  expect(code).toBe(0)
  for (let i = 0; i < 100 && !text.includes('three'); i++) await new Promise((resolve) => setTimeout(resolve, 5))
  const messages: string[] = []
  for (let rest = text; rest !== ''; ) {
    const [digits] = rest.split(' ', 1)
    const end = digits.length + 1 + Number(digits)
    messages.push(rest.slice(digits.length + 1, end))
    rest = rest.slice(end)
  }
  expect(messages.map((message) => message.split(' - ')[1])).toEqual(['one', 'two', 'three'])
  server.close()
})
