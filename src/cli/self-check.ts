import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { get } from 'node:http'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { toolEnvironment } from './namespace.ts'

/** Seconds that ping and fetch wait for an answer. */
const PATIENCE = 5
/** Milliseconds between two looks. */
const INTERVAL = 20

export interface Check {
  /** What was asked, as one would type it. */
  readonly command: string
  readonly passed: boolean
  /** What came back, or why nothing did. */
  readonly answer: string
}

/** Waits until a program has attached itself to the tap device, which the kernel shows as a carrier. */
export async function waitForCarrier(device: string, isOver: () => boolean): Promise<boolean> {
  while (!isOver()) {
    const { stdout } = spawnSync('ip', ['link', 'show', 'dev', device], { env: toolEnvironment(), encoding: 'utf8' })
    if (/[<,]LOWER_UP[,>]/.test(stdout)) return true
    await sleep(INTERVAL)
  }
  return false
}

/** Waits until something listens. */
export async function waitForListener(address: string, port: number, isOver: () => boolean): Promise<boolean> {
  while (!isOver()) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: address, port, timeout: PATIENCE * 1_000 }, () => resolve(true))
      socket.on('error', () => resolve(false))
      socket.on('timeout', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (answered) return true
    await sleep(INTERVAL)
  }
  return false
}

/** One echo request by the system's `ping`, or by ours where there is none (see native/ping/ping.c). */
export function pingOnce(address: string): Check {
  const command = `ping -c 1 ${address}`
  let result = run('ping', ['-n', '-c', '1', '-W', String(PATIENCE), address])
  if (result === null) {
    const own = fileURLToPath(new URL('../../build/ping', import.meta.url))
    if (!existsSync(own)) return { command, passed: true, answer: '(not sent: there is no `ping` here)' }
    result = run(own, [address])!
  }
  const reply = /^.*bytes from .*$/m.exec(result.output)?.[0]
  return { command, passed: result.status === 0, answer: reply ?? lastLines(result.output, 3) }
}

/** One request by `curl`, or by Node's own client over the kernel's sockets where there is none. */
export async function fetchOnce(url: string): Promise<Check> {
  const command = `curl -i ${url}`
  const result = run('curl', ['-isS', '--noproxy', '*', '--max-time', String(PATIENCE), url])
  if (result !== null) {
    const [head = '', body = ''] = result.output.split(/\r?\n\r?\n(.*)/s)
    const status = head.split('\n')[0]!.trim()
    return { command, passed: result.status === 0 && / 200\b/.test(status), answer: summary(status, body) }
  }
  return await new Promise((resolve) => {
    const failed = (answer: string) => resolve({ command, passed: false, answer })
    const request = get(url, { agent: false, timeout: PATIENCE * 1_000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', (error) => failed(error.message))
      response.on('end', () => {
        const { httpVersion, statusCode, statusMessage } = response
        const answer = summary(`HTTP/${httpVersion} ${statusCode} ${statusMessage}`, Buffer.concat(chunks).toString())
        resolve({ command, passed: statusCode === 200, answer })
      })
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE} s`)))
    request.on('error', (error) => failed(error.message))
  })
}

/** The status line and what a reader would see of the page. */
function summary(status: string, body: string): string {
  const text = body.replace(/<(style|title)>.*?<\/\1>/gs, '').replace(/<[^>]*>/g, ' ')
  const lines = text.split('\n').map((line) => line.replace(/\s+/g, ' ').trim())
  return [status, ...lines.filter((line) => line !== '')].join('\n')
}

/** Null if there is no such program. */
function run(program: string, words: string[]): { status: number | null; output: string } | null {
  const { error, status, stdout, stderr } = spawnSync(program, words, { env: toolEnvironment(), encoding: 'utf8' })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return null
  return { status, output: stdout + stderr }
}

function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n')
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
