/**
 * The demonstration's part inside the sandbox: `demo-inside SERVICE-FILE HOST-PORT once|stay`. Starts the service, asks
 * it from the kernel's side, shows what came back, and stays until it is told to end.
 */

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DEMO_INTERFACE, DEMO_KERNEL_ADDRESS, DEMO_STACK_ADDRESS } from './demo.ts'
import { type Check, fetchOnce, pingOnce, waitForCarrier, waitForListener } from './self-check.ts'

/** How long the service may take to answer, in milliseconds. */
const START_TIMEOUT = 15_000
/** How long it may take to end, in milliseconds; after that the sandbox ends it. */
const END_TIMEOUT = 5_000
/** Lines of a page that are shown. */
const SHOWN_LINES = 8

const [service, port, mode] = process.argv.slice(2) as [string, string, 'once' | 'stay']
const address = DEMO_STACK_ADDRESS.split('/')[0]!
const tapstack = fileURLToPath(new URL('../../bin/tapstack.mjs', import.meta.url))

let ending = false
let interruptedBy: NodeJS.Signals | null = null
const child = spawn(
  process.execPath,
  [tapstack, 'run', service, '--interface', DEMO_INTERFACE, '--ipv4', DEMO_STACK_ADDRESS, '--logs', '*:warn'],
  // What it logs would stand between our lines; it is shown if the check fails, and after it. In a group of its own, so
  // that a Ctrl-C of the terminal reaches it once, through us.
  { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
)
let said = ''
const keep = (text: Buffer) => {
  said += text
}
child.stdout.on('data', keep)
child.stderr.on('data', keep)
const ended = new Promise<number>((resolve) => {
  child.on('exit', (code, signal) => resolve(signal === null ? code! : 128 + constants.signals[signal]))
})
let running = true
ended.then(() => {
  running = false
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interruptedBy ??= signal
    end()
  })
}

const giveUpAt = performance.now() + START_TIMEOUT
const isOver = () => !running || ending || performance.now() > giveUpAt
const started =
  (await waitForCarrier(DEMO_INTERFACE, isOver)) && (await waitForListener(address, 80, isOver)) && !ending

if (started) {
  const file = relative(process.cwd(), service)
  console.log(
    `\n${file.startsWith('..') ? service : file} answers at ${address}, on a TCP/IP stack of its own inside Node.js.`,
  )
  console.log(`Its neighbour on a private ${DEMO_INTERFACE} is the kernel, ${DEMO_KERNEL_ADDRESS}, which asks:\n`)
  const passed = [show(pingOnce(address)), show(await fetchOnce(`http://${address}/`))].every((ok) => ok)
  if (!passed && !ending) {
    process.exitCode = 1
    showLog()
  }
  if (mode === 'stay' && passed && !ending) {
    console.log(`Open http://127.0.0.1:${port}/ in your browser. Ctrl-C ends it.`)
    child.stdout.off('data', keep).pipe(process.stdout)
    child.stderr.off('data', keep).pipe(process.stderr)
    await ended
    if (!ending) console.error('The service has ended by itself.')
    process.exit(ending ? 0 : 1)
  }
} else if (!ending) {
  console.error(
    running ? `The service did not answer within ${START_TIMEOUT / 1_000} s.` : 'The service did not start.',
  )
  showLog()
  process.exitCode = 1
}
end()
const exitCode = await ended
// Before the check was over: no verdict, and nothing to complain of.
if (interruptedBy !== null) process.exit(128 + constants.signals[interruptedBy])
if (exitCode !== 0 && !process.exitCode) {
  console.error(`The service ended with exit code ${exitCode}.`)
  showLog()
  process.exitCode = 1
}
process.exit()

function end(): void {
  if (ending) return
  ending = true
  child.kill('SIGTERM')
  setTimeout(() => {
    console.error(`The service did not end within ${END_TIMEOUT / 1_000} s.`)
    process.exit(1)
  }, END_TIMEOUT).unref()
}

function show({ command, passed, answer }: Check): boolean {
  const lines = answer.split('\n')
  console.log(`  $ ${command}`)
  for (const line of lines.slice(0, SHOWN_LINES)) console.log(`  ${line}`)
  if (lines.length > SHOWN_LINES) console.log('  ...')
  console.log(passed ? '' : '  ^ failed\n')
  return passed
}

function showLog(): void {
  if (said.trim() !== '') console.error(`It said:\n${said.trimEnd().replace(/^/gm, '  ')}`)
}
