/** Runs of applications in the process of a test. */
import { EventEmitter } from 'node:events'
import { IpPrefix } from '../../src/address/index.ts'
import { type CreateStackOptions, SocketStack, type StackEvents } from '../../src/stack/index.ts'
import { run } from '../../src/unikernel/run.ts'
import { type UnikernelOptions, unikernel } from '../../src/unikernel/unikernel.ts'
import { until } from './wires.ts'

/** A run with all that it touches in the hands of the test; its stack is on loopback. */
export class Trial {
  readonly signals = new EventEmitter()
  readonly uncaught = new EventEmitter()
  stdout = ''
  stderr = ''
  readonly created: CreateStackOptions[] = []
  stack: ShownStack | null = null
  failure: Error | null = null
  sandboxInterface: string | null = 'tap0'
  terminal = false
  environment: Record<string, string> = { TAPSTACK_LOGS_FORMAT: 'text' }
  hasBegun = false

  start(options: Partial<UnikernelOptions<Record<never, never>>>, ...argv: string[]): Promise<number> {
    const { start = () => {} } = options
    const application = unikernel({
      name: 'trial',
      ...options,
      start: (context) => {
        this.hasBegun = true
        return start(context)
      },
    })
    return run(application, argv, {
      command: 'tapstack run trial.ts',
      stdout: { write: (text) => (this.stdout += text) },
      stderr: { write: (text) => (this.stderr += text), isTTY: this.terminal },
      signals: this.signals,
      uncaught: this.uncaught,
      sandboxInterface: this.sandboxInterface,
      environment: this.environment,
      createStack: async (created) => {
        this.created.push(created)
        if (this.failure !== null) throw this.failure
        this.stack = new ShownStack()
        return this.stack
      },
    })
  }
}

/** Runs of which the application is at work. */
export const begun = (...trials: Trial[]) => until(() => trials.every((trial) => trial.hasBegun), 'start')

/** Shows one address of its own, and more when the test says so. */
export class ShownStack extends SocketStack {
  tell: Parameters<StackEvents['onAddress']>[0] = () => {}

  override get addresses() {
    return [IpPrefix.parse('10.0.0.2/24')]
  }

  override onAddress(handler: Parameters<StackEvents['onAddress']>[0]): void {
    this.tell = handler
  }
}

/** Until a signal comes. */
export const untilStopped = async ({ signal }: { signal: AbortSignal }) => {
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
}
