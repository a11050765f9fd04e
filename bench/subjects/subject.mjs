/**
 * The frame of a subject: `node SUBJECT SERVICE ADDRESS PORT [WARM-UP SECONDS, SECONDS, INTERFACE]` starts one service, says
 * "ready", and ends with exit code 0 on SIGTERM. Plain JavaScript, so that no loader runs in a measured process.
 */
import { execFileSync } from 'node:child_process'

/** What is sent by every subject that sends: 64 KiB, the chunk of Node's file streams. */
export const CHUNK = Buffer.alloc(65_536, 'abcdefghijklmnopqrstuvwxyz0123456789')

/** What every HTTP server answers. */
export const PAGE = Buffer.from('Hello from the other side of the network.\n')

/** @param {import('node:http').IncomingMessage} _request @param {import('node:http').ServerResponse} response */
export function answer(_request, response) {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': PAGE.length })
  response.end(PAGE)
}

/** What curl takes for the beginning of an answer without an end. */
export const ENDLESS_ANSWER = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'

/** A key and a certificate of its own for each subject that speaks TLS. */
export function certificate() {
  const parameters = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const subject = ['-subj', '/CN=bench', '-days', '1', '-keyout', '-', '-out', '-']
  const pem = execFileSync('openssl', [...parameters, ...subject], { stdio: ['ignore', 'pipe', 'ignore'] })
  return { key: pem, cert: pem }
}

/** Writes to a socket of Node's until it has enough, and again when it has drained. */
export function generate(socket) {
  const write = () => {
    while (socket.writable && socket.write(CHUNK));
  }
  socket.on('drain', write)
  write()
}

/** A client that goes away in the middle, as the load generator does, is no error. */
const ignore = () => {}

/** What a TLS server does with each connection: the services of TLS in bulk. */
export const overTls = {
  discard: (socket) => socket.on('error', ignore).on('data', ignore),
  /** Begins to answer when it was asked. */
  chargen: (socket) =>
    socket.on('error', ignore).once('data', () => {
      socket.write(ENDLESS_ANSWER)
      generate(socket)
    }),
}

/** Counts bytes through `count` during the measured time and prints the result as the load generator would. */
export function measurePair(warmup, seconds) {
  let bytes = 0
  let begin = 0n
  setTimeout(() => {
    begin = process.hrtime.bigint()
    bytes = 0
  }, warmup * 1000)
  setTimeout(
    () => {
      const end = process.hrtime.bigint()
      const gigabitsPerSecond = (bytes * 8) / Number(end - begin)
      const result = bytes === 0 ? { error: 'pair: no byte arrived' } : { mode: 'pair', bytes, gigabitsPerSecond }
      const window = { beginNanoseconds: Number(begin), endNanoseconds: Number(end) }
      process.stdout.write(`${JSON.stringify({ ...result, ...window })}\n`, () => process.exit(bytes === 0 ? 1 : 0))
    },
    (warmup + seconds) * 1000,
  )
  return {
    count(length) {
      bytes += length
    },
  }
}

/**
 * What memory is in use after everything that nobody refers to is gone, as one line of JSON. The subject of a crowd runs
 * with --expose-gc.
 */
export function memoryInUse() {
  for (let i = 0; i < 2; i++) globalThis.gc()
  return `${JSON.stringify(process.memoryUsage())}\n`
}

/** Where the services of a crowd stand beside the echo: bench/measurements.ts. */
export const CLOSE_PORT = 13
export const MEMORY_PORT = 15

/**
 * @param {Record<string, (options: {address: string, port: number, warmup: number, seconds: number, netif: string}) => unknown>} services
 * @param {() => Record<string, number>} [counters] what the subject counted, printed when it ends
 */
export async function runSubject(services, counters) {
  const [service, address, port, warmup, seconds, netif] = process.argv.slice(2)
  const start = services[service]
  if (start === undefined) {
    process.stderr.write(`no service ${service}; there are ${Object.keys(services).join(', ')}\n`)
    process.exit(64)
  }
  process.on('SIGTERM', () => {
    const line = counters === undefined ? '' : `${JSON.stringify(counters())}\n`
    process.stdout.write(line, () => process.exit(0))
  })
  await start({ address, port: Number(port), warmup: Number(warmup), seconds: Number(seconds), netif })
  process.stdout.write('ready\n')
}
