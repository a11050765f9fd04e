import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { IpPrefix } from '../address/index.ts'
import { Failure } from './failure.ts'
import { runSandbox } from './sandbox.ts'

/** Where the browser finds the example service, on the host's 127.0.0.1. */
export const DEMO_PORT = 8080
export const DEMO_INTERFACE = 'tap0'
export const DEMO_KERNEL_ADDRESS = '10.0.0.1/24'
export const DEMO_STACK_ADDRESS = '10.0.0.2/24'

/** Milliseconds between looks at whether whoever started us is still there. */
const PARENT_CHECK = 500

export interface DemoOptions {
  /** 1 to 65,535. */
  readonly port: number
  /** End after the self-check. */
  readonly once: boolean
}

/**
 * What `npm start` shows: the example service on a stack of its own in a sandbox, asked once from the kernel's side
 * (`demo-inside.ts` does that), and published for a browser.
 * @returns 0, or 1 if the self-check failed
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const own = fileURLToPath(import.meta.url)
  const program = own.replace(/demo(\.\w+)$/, 'demo-inside$1')
  const service = fileURLToPath(new URL('../../examples/http.ts', import.meta.url))
  if (!existsSync(service)) throw new Failure(`the example service is missing: ${service}`)
  // npm may be ended without telling us (its shell takes the signal): then we would stay for ever.
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
  }, PARENT_CHECK)
  try {
    return await runSandbox({
      command: [process.execPath, program, service, String(options.port), options.once ? 'once' : 'stay'],
      // Checked once and gone again: nobody could look at it.
      publish: options.once ? [] : [{ hostPort: options.port, address: '10.0.0.2', port: 80 }],
      portOption: '--port',
      interface: DEMO_INTERFACE,
      addresses: [IpPrefix.parse(DEMO_KERNEL_ADDRESS)],
    })
  } finally {
    clearInterval(watch)
  }
}
