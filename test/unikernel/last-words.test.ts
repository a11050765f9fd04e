/** What an application and the runner send last over UDP, to a host whose MAC address is not known yet. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { UnikernelContext } from '../../src/unikernel/index.ts'
import { ArgumentTrial } from './trial.ts'

let trial: ArgumentTrial
beforeEach(() => {
  trial = new ArgumentTrial()
})

const IPV4 = ['--ipv4=10.0.0.2/24', '--ipv4-only']

/** A host at 10.0.0.1 and fd00::1, behind a slow link, and what it hears at a port. */
async function hears(port: number): Promise<string[]> {
  const host = await trial.host({ ipv4: '10.0.0.1/24', ipv6: 'fd00::1/64' }, { latency: 20_000 })
  const heard: string[] = []
  const socket = await host.udp({ port })
  socket.onDatagram((data) =>
    heard.push(
      Buffer.from(data)
        .toString()
        .replace(/^.* - - /s, '')
        .replace(/^.* - /s, ''),
    ),
  )
  return heard
}

describe('over syslog', () => {
  const say = ({ log }: UnikernelContext) => log.error('last')

  test.each<[string, string[], number]>([
    ['10.0.0.1', IPV4, 0],
    // An IPv6 address is used when nobody else turns out to have it.
    ['fd00::1', ['--ipv6=fd00::2/64', '--ipv6-only'], 3_000],
  ])('a line at the very end reaches %s', async (server, words, pause) => {
    const heard = await hears(514)
    const { code } = await trial.run([...words, '--grace=1s', `--syslog=${server}`], async (context) => {
      await trial.pause(pause)
      return say(context)
    })
    expect([code, heard]).toEqual([0, ['last']])
  })

  test('why it has failed reaches the server', async () => {
    const heard = await hears(514)
    const { code } = await trial.run([...IPV4, '--grace=1s', '--syslog=10.0.0.1'], () => {
      throw new Error('out of luck')
    })
    expect([code, heard]).toEqual([1, ['failed: out of luck']])
  })

  test('a server that is not there holds it for half a second at most', async () => {
    const ended = async (...words: string[]) => {
      const before = trial.clock.now()
      expect((await trial.run([...IPV4, '--syslog=10.0.0.9', ...words], say)).code).toBe(0)
      return (trial.clock.now() - before) / 1_000
    }
    const atOnce = await ended('--grace=0s')
    expect((await ended('--grace=10s')) - atOnce).toBeLessThanOrEqual(1_010)
    expect((await ended('--grace=100ms')) - atOnce).toBeLessThanOrEqual(610)
  })
})

test("an application's own datagram goes out as well when its stack closes", async () => {
  const heard = await hears(7)
  await trial.run([...IPV4, '--grace=1s'], async ({ stack }) => {
    const socket = await stack.udp()
    socket.send(Buffer.from('good bye'), { address: '10.0.0.1', port: 7 })
    await socket.close()
  })
  expect(heard).toEqual(['good bye'])
})
