import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { begun, Trial, untilStopped } from '../../test/support/trial.ts'
import { until } from '../../test/support/wires.ts'
import { IpPrefix } from '../address/index.ts'
import { SystemError } from '../errors/index.ts'
import { SocketStack, type Stack } from '../stack/index.ts'

/** Whoever could make it does not. */
const CAPTURE = join(tmpdir(), 'b.pcapng')

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

describe('addresses', () => {
  test('one line each, also for those that come and go later', async () => {
    const trial = new Trial()
    let isListening = false
    const start = async (context: { stack: Stack; signal: AbortSignal }) => {
      await pause(100)
      await context.stack.listen({ address: '127.0.0.1', port: 0 }, () => {})
      isListening = true
      await untilStopped(context)
    }
    const running = trial.start({ start })
    await until(() => trial.stdout !== '', 'line')
    // Who waits for the line may connect.
    expect(isListening).toBe(true)
    expect(trial.stdout).toBe('trial answers on 10.0.0.2\n')
    const prefix = IpPrefix.parse('fd00::2/64')
    trial.stack?.tell({ type: 'added', prefix, interface: 'tap0' })
    trial.stack?.tell({ type: 'added', prefix, interface: 'tap0' })
    trial.stack?.tell({ type: 'deprecated', prefix, interface: 'tap0' })
    trial.stack?.tell({ type: 'removed', prefix, interface: 'tap0' })
    trial.stack?.tell({ type: 'dadFailed', prefix, interface: 'tap0' })
    trial.stack?.tell({ type: 'added', prefix: IpPrefix.parse('fe80::2/64'), interface: 'tap0' })
    expect(trial.stdout.split('\n')).toEqual([
      'trial answers on 10.0.0.2',
      'trial answers on fd00::2',
      'trial no longer answers on fd00::2',
      'trial answers on fe80::2%tap0',
      '',
    ])
    trial.signals.emit('SIGINT')
    expect(await running).toBe(0)
  })
})

describe('life and end', () => {
  test('it ends when start has returned and nothing is open', async () => {
    const trial = new Trial()
    expect(await trial.start({})).toBe(0)
    expect(trial.signals.listenerCount('SIGINT')).toBe(0)
    await expect(trial.stack?.udp()).rejects.toMatchObject({ code: 'ENETDOWN' })
  })

  test.each<[string, (stack: Stack) => Promise<() => PromiseLike<void>>]>([
    [
      'a listener',
      async (stack) => {
        const listener = await stack.listen({ port: 0 }, () => {})
        return () => listener.close()
      },
    ],
    [
      'a UDP socket',
      async (stack) => {
        const socket = await stack.udp()
        return () => socket[Symbol.asyncDispose]()
      },
    ],
    [
      'an accepted flow',
      async (stack) => {
        const other = new SocketStack()
        let isAccepted = false
        const listener = await stack.listen({ port: 0 }, (flow) => {
          isAccepted = true
          return flow.shutdown('read')
        })
        const flow = await other.connect({ address: '127.0.0.1', port: listener.local.port })
        await until(() => isAccepted, 'flow')
        await listener.close()
        return async () => {
          flow.abort()
          await other.close(0)
        }
      },
    ],
    [
      'a flow that it has opened',
      async (stack) => {
        const other = new SocketStack()
        const listener = await other.listen({ port: 0 }, () => {})
        const flow = await stack.connect({ address: '127.0.0.1', port: listener.local.port })
        return async () => {
          flow.abort()
          await other.close(0)
        }
      },
    ],
  ])('it goes on while %s is open', async (_what, open) => {
    const trial = new Trial()
    let ended = false
    let running = Promise.resolve(-1)
    const close = await new Promise<() => PromiseLike<void>>((opened) => {
      running = trial.start({ start: async ({ stack }) => opened(await open(stack)) })
    })
    running.then(() => {
      ended = true
    })
    await pause(60)
    expect(ended).toBe(false)
    await close()
    expect(await running).toBe(0)
  })

  test('a number that start returns is the exit code, whatever is open', async () => {
    const trial = new Trial()
    const start = async ({ stack }: { stack: Stack }) => {
      await stack.listen({ port: 0 }, () => {})
      return 7
    }
    expect(await trial.start({ start })).toBe(7)
  })

  test.each(['SIGINT', 'SIGTERM'])(
    '%s: the signal fires, listeners close, connections finish, exit code 0',
    async (name) => {
      const trial = new Trial()
      let aborted = false
      let port = 0
      let isAccepted = false
      const running = trial.start({
        start: async ({ stack, signal }) => {
          signal.addEventListener('abort', () => {
            aborted = true
          })
          const listener = await stack.listen({ port: 0 }, async (flow) => {
            isAccepted = true
            for await (const data of flow) await flow.write(data)
            await flow.close()
          })
          port = listener.local.port
        },
      })
      await until(() => port !== 0, 'listener')
      const client = new SocketStack()
      const flow = await client.connect({ address: '127.0.0.1', port })
      await until(() => isAccepted, 'flow')
      trial.signals.emit(name)
      expect(aborted).toBe(true)
      // The listener is closed in a later pass of the event loop.
      await pause(10)
      await expect(client.connect({ address: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      await flow.write('last words')
      await flow.shutdown('write')
      let text = ''
      for await (const data of flow) text += data
      expect(text).toBe('last words')
      expect(await running).toBe(0)
      expect(trial.stderr).toMatch(new RegExp(`info {2}unikernel: ${name}: shutting down\n$`))
      await client.close(0)
    },
  )

  test('connections that do not finish are reset after --grace', async () => {
    const trial = new Trial()
    let port = 0
    let isAccepted = false
    const running = trial.start(
      {
        start: async ({ stack }) => {
          const accept = () => {
            isAccepted = true
          }
          port = (await stack.listen({ port: 0 }, accept)).local.port
        },
      },
      '--grace=150ms',
    )
    await until(() => port !== 0, 'listener')
    await using client = new SocketStack()
    const flow = await client.connect({ address: '127.0.0.1', port })
    await until(() => isAccepted, 'flow')
    const reading = flow.read()
    const started = performance.now()
    trial.signals.emit('SIGTERM')
    await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(performance.now() - started).toBeGreaterThanOrEqual(140)
    expect(await running).toBe(0)
  })

  test('a second signal ends at once', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const trial = new Trial()
      const running = trial.start({ start: () => new Promise(() => {}) }, '--grace=1m')
      await begun(trial)
      trial.signals.emit('SIGINT')
      await pause(10)
      const started = performance.now()
      trial.signals.emit(signal)
      expect(await running).toBe(code)
      expect(performance.now() - started).toBeLessThan(100)
    }
  })

  test('a start that goes on after a signal is waited for as long as --grace', async () => {
    const trial = new Trial()
    let finished = false
    const running = trial.start({
      start: async (context) => {
        await untilStopped(context)
        await pause(50)
        finished = true
        return 3
      },
    })
    await begun(trial)
    trial.signals.emit('SIGINT')
    expect(await running).toBe(3)
    expect(finished).toBe(true)
    const stubborn = new Trial()
    const hanging = stubborn.start({ start: () => new Promise(() => {}) }, '--grace', '50ms')
    await begun(stubborn)
    stubborn.signals.emit('SIGINT')
    expect(await hanging).toBe(0)
  })

  test('what fails because of the shutdown is no failure', async () => {
    const trial = new Trial()
    const running = trial.start({
      start: async (context) => {
        await untilStopped(context)
        throw context.signal.reason
      },
    })
    await begun(trial)
    trial.signals.emit('SIGINT')
    expect(await running).toBe(0)
    expect(trial.stderr).not.toContain('failed')
  })

  test.each([
    [
      'throws',
      () => {
        throw new SystemError('EADDRINUSE', 'listen', { address: '10.0.0.2', port: 80 })
      },
    ],
    [
      'rejects',
      async () => {
        throw new SystemError('EADDRINUSE', 'listen', { address: '10.0.0.2', port: 80 })
      },
    ],
  ])('start that %s: one line, exit code 1', async (_how, start) => {
    const trial = new Trial()
    expect(await trial.start({ start })).toBe(1)
    expect(trial.stderr).toBe('trial: failed: listen EADDRINUSE 10.0.0.2:80\n')
  })

  test.each(['uncaughtException', 'unhandledRejection'])(
    '%s: one line, connections are reset at once, exit code 1',
    async (event) => {
      const trial = new Trial()
      let port = 0
      let isAccepted = false
      const running = trial.start(
        {
          start: async ({ stack }) => {
            const accept = () => {
              isAccepted = true
            }
            port = (await stack.listen({ port: 0 }, accept)).local.port
          },
        },
        '--grace=1m',
      )
      await until(() => port !== 0, 'listener')
      await using client = new SocketStack()
      const flow = await client.connect({ address: '127.0.0.1', port })
      await until(() => isAccepted, 'flow')
      const reading = flow.read()
      trial.uncaught.emit(event, new Error('too\nlate'))
      trial.uncaught.emit(event, new Error('and another'))
      await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' })
      expect(await running).toBe(1)
      expect(trial.stderr).toBe('trial: failed: too late\n')
      expect(trial.uncaught.listenerCount(event)).toBe(0)
    },
  )

  test('an error that nobody catches is no failure while shutting down', async () => {
    const trial = new Trial()
    const running = trial.start({
      start: async (context) => {
        await untilStopped(context)
        trial.uncaught.emit('unhandledRejection', new Error('ECONNRESET'))
      },
    })
    await begun(trial)
    trial.signals.emit('SIGINT')
    expect(await running).toBe(0)
    expect(trial.stderr).not.toContain('ECONNRESET')
  })

  test.each([256, -1, 1.5, Number.NaN])('start that returns %d: one line, exit code 1', async (result) => {
    const trial = new Trial()
    expect(await trial.start({ start: () => result })).toBe(1)
    expect(trial.stderr).toBe(`trial: failed: start returned ${result}: expected an exit code from 0 to 255\n`)
  })

  test('a capture that cannot be opened or written names the argument', async () => {
    const trial = new Trial()
    // What has become of it since the arguments were read.
    trial.failure = Object.assign(new Error(`ENOSPC: no space left on device, open '${CAPTURE}'`), { path: CAPTURE })
    expect(await trial.start({}, '--capture', CAPTURE)).toBe(1)
    expect(trial.stderr).toMatch(/^trial: cannot start the network: --capture: ENOSPC: .*\n$/)
  })

  test('with debug logs the stack trace follows', async () => {
    const trial = new Trial()
    const start = () => {
      throw new Error('two\nlines')
    }
    expect(await trial.start({ start }, '-l', 'trial:debug')).toBe(1)
    expect(trial.stderr).toMatch(/^trial: failed: two lines\nError: two\nlines\n +at .*run\.test\.ts/)
  })

  test('a stack that cannot be made: one line with the hint, exit code 1', async () => {
    const trial = new Trial()
    trial.failure = new SystemError('EPERM', 'open', { hint: 'run it in `tapstack sandbox`' })
    expect(await trial.start({})).toBe(1)
    expect(trial.stderr).toBe('trial: cannot start the network: open EPERM (run it in `tapstack sandbox`)\n')
  })
})
