/** `tapstack/register` and `tapstack exec`: programs as they are, on a stack without a device. */
import { execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { type NetworkInterfaceInfo, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openByteStream } from '../../src/netif/index.ts'
import { nodeInternals } from '../../src/node/internals.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack } from '../../src/stack/index.ts'
import { requires } from '../requirements.ts'
import { LIFETIMES } from './lifetimes.ts'
import { IS_BUILT, LOADER, LOADER_WARNING, registerOptions } from './register-options.ts'

const REGISTER = registerOptions()
const LOOPBACK = { TAPSTACK_INTERFACE: 'lo' }
const EVERYTHING = fileURLToPath(new URL('programs/everything.mjs', import.meta.url))
/** Milliseconds after which a program that has nothing more to say goes on for ever. */
const GOES_ON = 1000

let folder: string
let secrets: [certificate: string, key: string]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-register-'))
  secrets = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync('openssl', [...words, ...subject, '-out', secrets[0], '-keyout', secrets[1]], { stdio: 'pipe' })
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** @param patience milliseconds without output after which it is ended; it has then said 'GOES ON' */
function run(command: string, words: readonly string[], environment: object = {}, patience = 20_000): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    let timer: NodeJS.Timeout | undefined
    const later = () => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        stdout += 'GOES ON\n'
        child.kill('SIGKILL')
      }, patience)
    }
    child.stdout.on('data', (data) => {
      stdout += data
      if (stdout.includes('READY\n')) later()
    })
    child.stderr.on('data', (data) => {
      stderr += data
    })
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    })
  })
}

test('every module of Node is on the stack, and no socket of the Internet is opened', async (context) => {
  requires(context, 'strace')
  const calls = join(folder, 'calls')
  const strace = ['-f', '--seccomp-bpf', '-qq', '-e', 'trace=socket', '-o', calls]
  const outcome = await run('strace', [...strace, process.execPath, ...REGISTER, EVERYTHING, ...secrets], LOOPBACK)
  expect(outcome.stderr).toBe('')
  expect(outcome).toMatchObject({
    code: 0,
    stdout: [
      'net for ::ffff:127.0.0.1',
      'http /one',
      'http /fetched',
      ...('WebSocket' in globalThis ? ['web socket'] : []),
      'https TLSv1.3',
      'tls',
      'http2',
      'udp',
      '127.0.0.1',
      '',
    ].join('\n'),
  })
  expect(readFileSync(calls, 'utf8')).not.toContain('AF_INET')
})

test('programs end when they end on Node alone, and say the same', async () => {
  const head = `const net = require('node:net'), http = require('node:http'), dgram = require('node:dgram'); console.log('READY');`
  const waiting = Object.entries(LIFETIMES)
  const alone: Record<string, object> = {}
  const ours: Record<string, object> = {}
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, { program, goesOn }] = next
      // Who is expected to end has all the time that a busy machine may take.
      const patience = goesOn ? GOES_ON : 30_000
      const words = ['-e', head + program]
      const [theirs, own] = [
        await run(process.execPath, words, {}, patience),
        await run(process.execPath, [...REGISTER, ...words], LOOPBACK, patience),
      ]
      alone[name] = { code: theirs.code, stdout: theirs.stdout }
      ours[name] = { code: own.code, stdout: own.stdout }
      expect([name, theirs.stdout.includes('GOES ON')]).toEqual([name, goesOn])
    }
  }
  await Promise.all([worker(), worker()])
  expect(ours).toEqual(alone)
}, 120_000)

test('a datagram socket that the program is given stays the operating system’s', async () => {
  const given = createSocket('udp4')
  await new Promise<void>((resolve) => given.bind(0, '127.0.0.1', resolve))
  const { port } = given.address()
  const state = (given as unknown as Record<symbol, { handle: { fd: number } }>)[nodeInternals().datagramStateSymbol]
  const program = `const socket = require('node:dgram').createSocket('udp4', (message, from) => {
    socket.send('answer to ' + message, from.port, from.address, () => socket.close())
  })
  socket.bind({ fd: 3 }, () => console.log(socket.address().port))`
  const child = spawn(process.execPath, [...REGISTER, '-e', program], {
    env: { ...process.env, ...LOOPBACK },
    stdio: ['ignore', 'pipe', 'inherit', state.handle.fd],
  })
  const ended = new Promise((resolve) => child.on('close', resolve))
  given.close()
  expect(await new Promise((resolve) => child.stdout?.once('data', (data) => resolve(Number(data))))).toBe(port)
  const asking = createSocket('udp4')
  const answer = new Promise((resolve) => asking.once('message', (message) => resolve(message.toString())))
  asking.send('question', port, '127.0.0.1')
  expect(await answer).toBe('answer to question')
  asking.close()
  expect(await ended).toBe(0)
}, 60_000)

test('a lookup under way holds the process, which the server that answers it does not', async () => {
  const program = `
    const dgram = require('node:dgram'), dns = require('node:dns')
    const server = dgram.createSocket('udp4').on('message', (asked, from) => {
      const answer = Buffer.concat([asked.subarray(0, asked.indexOf(0, 12) + 5), Buffer.from('c00c00010001000000780004c0000201', 'hex')])
      answer.set([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], 2)
      setTimeout(() => server.send(answer, from.port, from.address), 100).unref()
    })
    server.bind(53, '127.0.0.1', () => {
      server.unref()
      dns.lookup('some.test', { family: 4 }, (error, address) => console.log(error ?? address))
    })`
  const outcome = await run(process.execPath, [...REGISTER, '-e', program], {
    ...LOOPBACK,
    TAPSTACK_DNS_SERVERS: '127.0.0.1',
  })
  expect(outcome).toMatchObject({ code: 0, stdout: '192.0.2.1\n' })
})

test('cluster says at once that it cannot be; a worker thread has the network of the operating system', async () => {
  const program = `
    try {
      require('node:cluster').fork()
    } catch (error) {
      console.log(error.code, error.message)
    }
    const { Worker } = require('node:worker_threads')
    const elsewhere = \`
      const server = require('node:net').createServer().listen(0, '127.0.0.1', () => {
        require('node:worker_threads').parentPort.postMessage(server.address().port)
      })\`
    const worker = new Worker(elsewhere, { eval: true, execArgv: [] }).on('message', (port) => {
      require('node:net').connect(port, '127.0.0.1').on('error', (error) => {
        console.log('worker', error.code)
        worker.terminate()
      })
    })`
  const outcome = await run(process.execPath, [...REGISTER, '-e', program], LOOPBACK)
  expect(outcome.stdout.split('\n')).toEqual([
    expect.stringMatching(/^ENOTSUP .*a stack and its connections belong to one process/),
    'worker ECONNREFUSED',
    '',
  ])
  expect(outcome.code).toBe(0)
})

test('tapstack exec takes arguments instead of variables, and passes the exit code on', async () => {
  const main = IS_BUILT ? 'dist/cli/main.js' : 'src/cli/main.ts'
  const start = `import { main } from ${JSON.stringify(new URL(`../../${main}`, import.meta.url).href)}
    process.exit(await main(process.argv.slice(1)))`
  const own = `const server = require('node:net').createServer().listen(0, () => {
    console.log(server.address().family, process.env.TAPSTACK_INTERFACE, process.env.NODE_OPTIONS)
    process.exit(7)
  })`
  const words = [...LOADER, '--input-type=module', '-e', start, '--']
  const outcome = await run(process.execPath, [...words, 'exec', '--interface=lo', '--', process.execPath, '-e', own])
  expect(outcome.code).toBe(7)
  expect(outcome.stderr.replace(LOADER_WARNING, '')).toBe('')
  expect(outcome.stdout).toMatch(/^IPv6 lo (undefined|--import=\S+tsx\S+)\n$/)
})

/** Says for each word of the command line how it runs, in a program started so, whose network it has. */
const WHOSE = `
  const { fork, execFileSync } = require('node:child_process')
  const [,, port, ...ways] = process.argv
  const [way, ...rest] = ways
  const next = [__filename, port, ...rest]
  require('node:net').connect(port, '127.0.0.1').on('connect', () => tell("the system's")).on('error', () => tell("the stack's"))
  function tell(whose) {
    console.log(way, whose)
    if (rest[0] === 'fork') fork(__filename, next.slice(1))
    else if (rest[0] === 'options') execFileSync(process.execPath, [...process.execArgv, ...next], { stdio: 'inherit' })
    else if (rest[0] === 'spawn') execFileSync(process.execPath, next, { stdio: 'inherit' })
    setTimeout(() => process.exit(), rest.length === 0 ? 0 : 60_000).unref()
  }`

test('what a program starts has the network of the operating system; what npm starts has the stack', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).destroy())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const port = String((server.address() as AddressInfo).port)
  const program = join(folder, 'whose.cjs')
  writeFileSync(program, WHOSE)
  const npm = join(folder, 'node_modules', 'npm', 'cli.cjs')
  mkdirSync(join(folder, 'node_modules', 'npm'), { recursive: true })
  writeFileSync(
    npm,
    WHOSE.replace(
      '__filename, port',
      "process.argv[2] && require('node:path').join(__dirname, '../../whose.cjs'), port",
    ),
  )
  const inEnvironment = { NODE_OPTIONS: `--no-deprecation ${REGISTER.join(' ').replaceAll('--import ', '--import=')}` }
  try {
    const outcomes = await Promise.all([
      run(process.execPath, [...REGISTER, program, port, 'program', 'fork', 'options'], LOOPBACK),
      run(process.execPath, [program, port, 'program', 'fork', 'spawn'], { ...LOOPBACK, ...inEnvironment }),
      run(process.execPath, [npm, port, 'npm', 'spawn', 'fork'], { ...LOOPBACK, ...inEnvironment }),
    ])
    expect(outcomes.map(({ stdout, stderr }) => stdout + stderr.replace(LOADER_WARNING, ''))).toEqual([
      "program the stack's\nfork the system's\noptions the system's\n",
      "program the stack's\nfork the system's\nspawn the system's\n",
      "npm the system's\nspawn the stack's\nfork the system's\n",
    ])
  } finally {
    server.close()
  }
}, 60_000)

test('tapstack exec in a terminal: Ctrl-C arrives once', async (context) => {
  requires(context, 'script')
  const main = new URL(`../../${IS_BUILT ? 'dist/cli/main.js' : 'src/cli/main.ts'}`, import.meta.url).href
  const start = join(folder, 'exec.mjs')
  writeFileSync(start, `import { main } from '${main}'; process.exit(await main(process.argv.slice(2)))`)
  const program = join(folder, 'interrupted.cjs')
  writeFileSync(
    program,
    `let times = 0
    process.on('SIGINT', () => { if (++times === 1) setTimeout(() => { console.log('times', times); process.exit(5) }, 1000) })
    require('node:net').createServer().listen(0, () => console.log('READY'))`,
  )
  // In place of the shell: one that waits, as dash does, would end by Ctrl-C itself.
  const words = ['exec', process.execPath, ...LOADER, start, 'exec', '--interface=lo', '--', process.execPath, program]
  const terminal = spawn('script', ['-qefc', words.join(' '), '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  let shown = ''
  terminal.stdout.on('data', (data) => {
    if (`${data}`.includes('READY')) terminal.stdin.write('\x03')
    shown += data
  })
  expect(await once(terminal, 'exit')).toEqual([5, null])
  expect(shown).toMatch(/times.*1/)
}, 60_000)

test('os.networkInterfaces shows the stack, and not the interfaces of the operating system', async () => {
  const program = `import { networkInterfaces } from 'node:os'; console.log(JSON.stringify(networkInterfaces()))`
  const environment = { ...LOOPBACK, TAPSTACK_IPV4: '10.0.0.2/20', TAPSTACK_IPV6: 'fd00::2/64' }
  const outcome = await run(process.execPath, [...REGISTER, '--input-type=module', '-e', program], environment)
  expect(outcome.stderr).toBe('')
  const { lo, ...others } = JSON.parse(outcome.stdout)
  const internal = { mac: '00:00:00:00:00:00', internal: true }
  const six = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'
  expect(lo).toEqual([
    { address: '127.0.0.1', netmask: '255.0.0.0', family: 'IPv4', cidr: '127.0.0.1/8', ...internal },
    { address: '::1', netmask: six, family: 'IPv6', cidr: '::1/128', scopeid: 0, ...internal },
  ])
  const [[first, ...rest]] = Object.values(others) as NetworkInterfaceInfo[][]
  const four = { address: '10.0.0.2', netmask: '255.255.240.0', family: 'IPv4', cidr: '10.0.0.2/20', internal: false }
  expect(first).toEqual({ ...four, mac: expect.stringMatching(/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/) })
  // Its IPv6 addresses come once nobody else turns out to have them.
  for (const each of rest) expect(each).toMatchObject({ family: 'IPv6', netmask: 'ffff:ffff:ffff:ffff::' })
})

test('a Node without a piece that is needed is one line that names its version, and exit code 1', async () => {
  const without = (statement: string) => ['--import', `data:text/javascript,${encodeURIComponent(statement)}`]
  const pieces: [what: string, ...statements: string[]][] = [
    ['_listen2', 'import net from "net"', 'delete net.Server.prototype._listen2'],
    ['net._normalizeArgs', 'import net from "net"', 'net._normalizeArgs = undefined'],
    [
      'internals that work as they did (of another Node)',
      'import net from "net"',
      'net._normalizeArgs = () => { throw new Error("of another Node") }',
    ],
    ['tls.TLSSocket.prototype._wrapHandle', 'import tls from "tls"', 'delete tls.TLSSocket.prototype._wrapHandle'],
  ]
  const started = pieces.map(([, ...statements]) =>
    run(process.execPath, [...without(statements.join(';')), ...REGISTER, '-e', 'console.log("runs")'], LOOPBACK),
  )
  const line = (what: string) =>
    `tapstack: Node.js ${process.version} has no ${what}, which stack.net and tapstack/register need\n`
  expect(await Promise.all(started)).toEqual(pieces.map(([what]) => ({ code: 1, stdout: '', stderr: line(what) })))
}, 120_000)

test('a stack on a carrier: connects again on the sockets of the operating system, holds the program no longer than it lasts', async () => {
  const arrivals = new EventEmitter()
  const other = createServer((socket) => {
    socket.on('error', () => {})
    arrivals.emit('one')
    socket.destroy()
  })
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const { port } = other.address() as AddressInfo
  const environment = { TAPSTACK_INTERFACE: `tcp:127.0.0.1:${port},reconnect=20ms`, TAPSTACK_IPV4: '10.0.0.2/24' }
  const program = `const timer = setInterval(() => {}, 1000)
    process.stdin.on('end', () => clearInterval(timer)).resume()`
  const child = spawn(process.execPath, [...REGISTER, '-e', program], { env: { ...process.env, ...environment } })
  const ended = once(child, 'exit')
  try {
    for (let i = 0; i < 3; i++) await once(arrivals, 'one', { signal: AbortSignal.timeout(20_000) })
    child.stdin.end()
    expect(await ended).toEqual([0, null])
  } finally {
    child.kill()
    await ended
    other.close()
  }
}, 60_000)

/** What a program on a stack of its own, at port 80 of 10.0.0.2, says to a peer before it has ended by itself. */
async function lastWords(
  program: string,
  name: string,
): Promise<[said: string, code: number | null, signal: string | null]> {
  const path = join(folder, name)
  const memory = new PacketMemory()
  const netif = await openByteStream({ path, memory, listen: true })
  await using stack = await createStack({ netif, ipv4: '10.0.0.1/24', ipv4Only: true })
  const environment = { TAPSTACK_INTERFACE: `unix:${path}`, TAPSTACK_IPV4: '10.0.0.2/24', TAPSTACK_IPV4_ONLY: 'true' }
  const head = `const net = require('node:net'); process.stdin.on('end', () => process.exit(86)).resume();`
  const child = spawn(process.execPath, [...REGISTER, '-e', head + program], {
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  const flow = await stack.connect({ address: '10.0.0.2', port: 80 })
  let said = ''
  for await (const data of flow) said += Buffer.from(data)
  return [said, ...((await ended) as [number | null, string | null])]
}

test('what a program says in its last moment is sent, and so is that it has ended', async () => {
  const serve = (then: string) =>
    `const server = net.createServer((socket) => { ${then} }).listen(80, () => console.log('listening'));`
  expect(
    await Promise.all([
      lastWords(serve(`socket.end('exit'); process.exit(3)`), 'wire1'),
      lastWords(
        serve(`process.on('exit', () => socket.end('in the handler')); setTimeout(process.exit, 20, 4)`),
        'wire2',
      ),
      lastWords(serve(`socket.write('signal'); process.kill(process.pid, 'SIGTERM')`), 'wire3'),
      lastWords(
        serve(
          `process.once('SIGTERM', () => process.kill(process.pid, 'SIGTERM')); socket.write('twice'); process.kill(process.pid, 'SIGTERM')`,
        ),
        'wire4',
      ),
    ]),
  ).toEqual([
    ['exit', 3, null],
    ['in the handler', 4, null],
    ['signal', null, 'SIGTERM'],
    ['twice', null, 'SIGTERM'],
  ])
}, 60_000)

test('connections that nobody closes do not hold a program that has ended', async () => {
  const program = `const net = require('node:net')
    let end
    process.on('beforeExit', () => { end = performance.now() }).on('exit', () => console.log(performance.now() - end))
    const server = net.createServer((socket) => socket.unref()).listen(0, '127.0.0.1', () => {
      server.unref()
      const client = net.connect(server.address().port, '127.0.0.1', () => client.unref())
    })`
  const { code, stdout, stderr } = await run(process.execPath, [...REGISTER, '-e', program], LOOPBACK)
  expect([code, stderr]).toEqual([0, ''])
  // And not the five seconds that what is not delivered would have.
  expect(Number(stdout)).toBeLessThan(3000)
}, 60_000)

test('what a program sends to itself does not wait for anything else to happen', async () => {
  const program = `const { createServer, connect } = require('node:net')
    const answer = (socket) => socket.resume().on('end', () => socket.end('late'))
    const server = createServer(answer).listen(0, '127.0.0.1', async () => {
      const begin = performance.now()
      for (let i = 0; i < 5; i++) {
        const socket = connect(server.address().port, '127.0.0.1').resume()
        socket.end('hi')
        await new Promise((resolve) => socket.on('close', resolve))
      }
      console.log(performance.now() - begin)
      server.close()
    })`
  const { code, stdout, stderr } = await run(process.execPath, [...REGISTER, '-e', program], LOOPBACK)
  expect([code, stderr]).toEqual([0, ''])
  expect(Number(stdout)).toBeLessThan(1500)
}, 60_000)

test('--require is one line that says what to do, and exit code 64', async () => {
  const outcome = await run(process.execPath, ['--require', 'tapstack/register', '-e', 'console.log("runs")'], LOOPBACK)
  expect(outcome).toEqual({
    code: 64,
    stdout: '',
    stderr: expect.stringMatching(/^tapstack: .* node --import tapstack\/register app\.js\n$/),
  })
})

test('a wrong variable is one line and exit code 64', async () => {
  const outcome = await run(process.execPath, [...REGISTER, '-e', ''], { TAPSTACK_IPV4: '10.0.0.300/24' })
  expect(outcome.code).toBe(64)
  expect(outcome.stderr).toMatch(/^tapstack: TAPSTACK_IPV4: expected .*\n$/)
})

test('a device that is not there is one line and exit code 1', async () => {
  const outcome = await run(process.execPath, [...REGISTER, '-e', ''], { TAPSTACK_INTERFACE: 'no%such%tap' })
  expect(outcome.code).toBe(1)
  expect(outcome.stderr).toMatch(/^tapstack: .*\n$/)
})

test('with the sockets of the operating system nothing is changed', async () => {
  const program = `console.log(require('node:net').Socket.prototype.connect.name)`
  const outcome = await run(process.execPath, [...REGISTER, '-e', program], { TAPSTACK_NET: 'socket' })
  expect(outcome).toMatchObject({ code: 0, stdout: outcome.stdout })
})
