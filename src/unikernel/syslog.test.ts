import { createSocket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type Server } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificate } from '../../test/support/certificate.ts'
import { SocketStack } from '../stack/index.ts'
import { type Destination, parseDestination } from './destination.ts'
import { devices } from './devices/index.ts'
import { run } from './run.ts'
import { SYSLOG_SEVERITIES, type SyslogMessage, type SyslogSource, syslogMessage } from './syslog.ts'
import { type UnikernelContext, unikernel } from './unikernel.ts'

const from: SyslogSource = { hostName: 'web-1', application: 'trial', facility: 'user' }
const message: SyslogMessage = { time: '2026-01-02T03:04:05.678Z', severity: 'warning', id: 'tcp', text: 'slow' }

test('a message of RFC 5424, in one line, cut between characters', () => {
  expect(syslogMessage({ ...message, text: 'slow\nport=80' }, from, 1_000).toString()).toBe(
    `<12>1 2026-01-02T03:04:05.678Z web-1 trial ${process.pid} tcp - slow port=80`,
  )
  const priorities = SYSLOG_SEVERITIES.map(
    (severity) =>
      syslogMessage({ ...message, severity }, { ...from, facility: 'local7' }, 1_000)
        .toString()
        .split('>')[0],
  )
  expect(priorities).toEqual(['<184', '<185', '<186', '<187', '<188', '<189', '<190', '<191'])
  const length = syslogMessage({ ...message, text: '' }, from, 1_000).length
  expect(syslogMessage({ ...message, text: 'aé' }, from, length + 2).toString()).toMatch(/ - a$/)
})

test('what cannot stand in a header field, and structured data with its escapes', () => {
  const data = { 'order@32473': { id: '7', 'a b=': 'say "hi" [x] \\\n.' }, 'empty]': {} }
  const text = syslogMessage({ ...message, id: 'é x', data }, { ...from, hostName: '' }, 1_000).toString()
  expect(text.replace(/ \d+ _/, ' PID _')).toBe(
    '<12>1 2026-01-02T03:04:05.678Z - trial PID __x [order@32473 id="7" a_b_="say \\"hi\\" [x\\] \\\\ ."][empty_] slow',
  )
})

test.each<[string, Partial<Destination>]>([
  ['10.0.0.1', { host: '10.0.0.1' }],
  ['10.0.0.1:5514', { host: '10.0.0.1', port: 5514 }],
  ['fd00::1', { host: 'fd00::1' }],
  ['[fd00::1]:5514', { host: 'fd00::1', port: 5514 }],
  ['logs', { host: 'logs' }],
  ['udp://logs.example', { transport: 'udp', host: 'logs.example' }],
  ['tcp://[fd00::1]', { transport: 'tcp', host: 'fd00::1' }],
  [
    'TLS://10.0.0.1:6515!logs.example',
    { transport: 'tls', host: '10.0.0.1', port: 6515, certificateName: 'logs.example' },
  ],
])('%s is a server', (text, expected) => {
  expect(parseDestination(text)).toEqual({ transport: null, port: null, certificateName: null, ...expected })
})

test.each([
  '',
  '10.0.0',
  '10.0.0.1:0',
  '10.0.0.1:65536',
  'http://logs',
  'a b',
  '[10.0.0.1]',
  'logs/x',
  '-x',
  'tls://x!!y',
])('%j is none', (text) => {
  expect(parseDestination(text)).toBeUndefined()
})

function start(
  signals: EventEmitter,
  words: string[],
  begin: (context: UnikernelContext) => unknown,
  said: (line: string) => unknown = () => {},
) {
  return run(unikernel({ name: 'trial', start: begin }), ['--name=web-1', '--logs-format=json', ...words], {
    stdout: { write: () => {} },
    stderr: { write: said },
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

/** What was sent with octet counting. */
function counted(text: string): string[] {
  const messages: string[] = []
  for (let rest = text; rest !== ''; ) {
    const [digits] = rest.split(' ', 1)
    const end = digits.length + 1 + Number(digits)
    messages.push(rest.slice(digits.length + 1, end))
    rest = rest.slice(end)
  }
  return messages
}

const texts = (messages: string[]) => messages.map((each) => each.split(' - ')[1])

/** Until a server has heard it. */
async function heard(text: () => string, what: string) {
  while (!text().includes(what)) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('--syslog-transport=tcp: with octet counting, and what was logged before the end arrives', async () => {
  let text = ''
  const server = createServer((socket) => socket.on('data', (data) => (text += data)).on('end', () => socket.end()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const words = ['--syslog=127.0.0.1', `--syslog-port=${port}`, '--syslog-transport=tcp', '--syslog-facility=local3']
  const code = await start(new EventEmitter(), words, async ({ log }) => {
    log.info('one')
    log.info('two')
    await heard(() => text, 'two')
    log.info('three')
  })
  expect(code).toBe(0)
  await heard(() => text, 'three')
  expect(texts(counted(text))).toEqual(['one', 'two', 'three'])
  expect(text).toMatch(/^\d+ <158>1 /)
  server.close()
})

test('whoever logs and ends at once is heard as well, by name; and why it has failed', async () => {
  let text = ''
  const server = createServer((socket) => socket.on('data', (data) => (text += data)).on('end', () => socket.end()))
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const words = [`--syslog=tcp://localhost:${(server.address() as AddressInfo).port}`]
  expect(await start(new EventEmitter(), words, ({ log }) => log.info('hello'))).toBe(0)
  await heard(() => text, 'hello')
  const failing = () => {
    throw new Error('out of paper')
  }
  expect(await start(new EventEmitter(), words, failing)).toBe(1)
  await heard(() => text, 'out of paper')
  expect(text).toMatch(/<10>1 \S+ web-1 trial \d+ unikernel - failed: out of paper/)
  server.close()
})

test('a server that comes late gets what waits, and hears that there was none', async () => {
  const held = createServer().listen(0, '127.0.0.1')
  await once(held, 'listening')
  const { port } = held.address() as AddressInfo
  held.close()
  await once(held, 'close')
  let text = ''
  const server = createServer((socket) => socket.on('data', (data) => (text += data)).on('end', () => socket.end()))
  let said = ''
  const code = await start(
    new EventEmitter(),
    [`--syslog=tcp://127.0.0.1:${port}`],
    async ({ log }) => {
      for (let i = 0; i < 1_200; i++) log.info(`line ${i}`)
      await heard(() => said, 'the server cannot be reached')
      server.listen(port, '127.0.0.1')
      await heard(() => text, 'the server is reached again')
    },
    (line) => (said += line),
  )
  expect(code).toBe(0)
  const lines = texts(counted(text))
  // The last 1,000 of 1,202: these, and two that the log says of the server.
  expect(lines[0]).toBe('line 202')
  expect(lines).toHaveLength(1_000)
  expect(lines.slice(-3)).toEqual([
    'line 1199',
    `syslog: the server cannot be reached server=tcp://127.0.0.1:${port} reason="connect ECONNREFUSED 127.0.0.1:${port}"`,
    `syslog: the server is reached again server=tcp://127.0.0.1:${port} dropped=201`,
  ])
  server.close()
})

test('devices.syslog: messages of the application, with its own argument, apart from the log', async () => {
  let text = ''
  const server = createServer((socket) => socket.on('data', (data) => (text += data)).on('end', () => socket.end()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stack = devices.stack()
  const audit = devices.syslog({ stack, argument: 'audit', facility: 'authpriv' })
  const application = unikernel({
    name: 'trial',
    devices: { audit },
    start({ audit, log }) {
      log.info('not for the audit')
      audit.send('alert', 'the vault\nis open', { id: 'VAULT', data: { 'vault@32473': { number: '7' } } })
      audit.send('notice', 'and shut')
      expect(() => audit.send('grave' as never, 'x')).toThrow(/a severity is one of emergency, .*, not "grave"/)
      return 3
    },
  })
  const world = {
    stdout: { write: () => {} },
    stderr: { write: () => {} },
    environment: {},
    signals: new EventEmitter(),
    createStack: async () => new SocketStack(),
  }
  expect(await run(application, [`--audit=tcp://127.0.0.1:${port}`, '--name=web-1'], world)).toBe(3)
  await heard(() => text, 'and shut')
  expect(counted(text).map((each) => each.replace(/^(<\d+>1) \S+ (\S+ \S+) \d+/, '$1 $2'))).toEqual([
    '<81>1 web-1 trial VAULT [vault@32473 number="7"] the vault is open',
    '<85>1 web-1 trial - - and shut',
  ])
  expect(await run(application, [], world)).toBe(64)
  server.close()
  expect(() => devices.syslog({ stack, argument: 'audit', facility: 'mail' as never })).toThrow(/one of user, /)
  expect(() =>
    unikernel({ name: 'x', devices: { a: devices.syslog({ stack, argument: 'a', server: '-' }) }, start() {} }),
  ).toThrow(/the default of argument a, "-", is not a server/)
})

describe('over TLS', () => {
  let folder: string
  const file = (name: string) => join(folder, name)
  let server: Server
  let text = ''
  let peer = ''
  let port: number

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tapstack-syslog-'))
    makeCertificate(file('server.pem'), file('server.key'), 'logs.example', 'DNS:logs.example')
    makeCertificate(file('client.pem'), file('client.key'), 'web-1', 'DNS:web-1')
    const own = { cert: readFileSync(file('server.pem')), key: readFileSync(file('server.key')) }
    const asking = { requestCert: true, rejectUnauthorized: false, ca: readFileSync(file('client.pem')) }
    server = createTlsServer({ ...own, ...asking }, (socket) => {
      peer = socket.authorized ? String(socket.getPeerCertificate().subject.CN) : 'nobody'
      socket.on('data', (data) => (text += data))
      socket.on('end', () => socket.end())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })

  afterAll(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })

  test('--syslog=tls://, --syslog-ca, --syslog-certificate and --syslog-key', async () => {
    text = ''
    const trusting = [`--syslog=tls://127.0.0.1:${port}!logs.example`, `--syslog-ca=${file('server.pem')}`]
    expect(
      await start(new EventEmitter(), trusting, async ({ log }) => {
        log.info('secret')
        await heard(() => text, 'secret')
      }),
    ).toBe(0)
    expect(texts(counted(text))).toEqual(['secret'])
    expect(peer).toBe('nobody')
    const known = [`--syslog-certificate=${file('client.pem')}`, `--syslog-key=${file('client.key')}`]
    expect(
      await start(new EventEmitter(), [...trusting, ...known], async ({ log }) => {
        log.info('signed')
        await heard(() => text, 'signed')
      }),
    ).toBe(0)
    expect(peer).toBe('web-1')
  })

  test('a server whose certificate is not trusted, or for another name, gets nothing, and the log says why', async () => {
    text = ''
    const refused = async (...words: string[]) => {
      let said = ''
      const code = await start(
        new EventEmitter(),
        words,
        async ({ log }) => {
          log.info('secret')
          await heard(() => said, 'cannot be reached')
        },
        (line) => (said += line),
      )
      expect(code).toBe(0)
      return /"reason":"([^"]*)"/.exec(said)?.[1]
    }
    expect(await refused(`--syslog=tls://127.0.0.1:${port}!logs.example`)).toMatch(/self-signed certificate/)
    const trusting = `--syslog-ca=${file('server.pem')}`
    expect(await refused(`--syslog=tls://127.0.0.1:${port}`, trusting)).toMatch(/IP: 127\.0\.0\.1 is not in the cert/)
    expect(text).toBe('')
  })

  test.each<[string[], string]>([
    [
      ['--syslog-ca=none.pem', '--syslog=tls://127.0.0.1'],
      '--syslog-ca: expected a file that is there, not "none.pem"',
    ],
    [
      ['--syslog-ca=README.md', '--syslog=tls://127.0.0.1'],
      '--syslog-ca: expected a file that holds a certificate in PEM',
    ],
    [['--syslog-key=@server.pem', '--syslog=tls://x'], '--syslog-key: expected a file that holds a private key in PEM'],
    [['--syslog-ca=@server.pem', '--syslog=127.0.0.1'], '--syslog-ca: expected only with --syslog tls://'],
    [['--syslog-key=@client.key', '--syslog=tls://x'], '--syslog-certificate: expected together with --syslog-key'],
    [
      ['--syslog-key=@client.key', '--syslog-certificate=@server.pem', '--syslog=tls://x'],
      '--syslog-key: expected the key of --syslog-certificate',
    ],
    [['--syslog-transport=tcp', '--syslog=tls://127.0.0.1'], '--syslog-transport: expected only where --syslog does'],
    [['--syslog-port=1', '--syslog=127.0.0.1:2'], '--syslog-port: expected only where --syslog does'],
    [['--syslog=10.0.0.256'], '--syslog: expected a server such as .*, not "10.0.0.256"'],
    [['--syslog=tcp://x!y'], '--syslog: expected the name of a certificate, !y, only with tls://'],
  ])('%j is refused', async (words, line) => {
    let said = ''
    expect(
      await start(
        new EventEmitter(),
        words.map((word) => word.replace(/@(.*)/, (_, name) => file(name))),
        () => {},
        (each) => (said += each),
      ),
    ).toBe(64)
    expect(said).toMatch(new RegExp(line))
    expect(said.trimEnd()).not.toContain('\n')
  })
})
