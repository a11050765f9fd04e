/** Programs of `dgram` on a tap, with nc, socat and the same programs on the kernel's stack at the other end. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { KERNEL, KERNEL6, STACK, STACK6, TapLink } from './tap-link.ts'

describeWithNamespaces('dgram', () => {
  let link: TapLink

  beforeEach(async (context) => {
    requires(context, 'strace', 'nc', 'socat')
    link = await TapLink.create()
    for (const group of ['239.0.0.0/8', '255.255.255.255/32']) {
      await link.namespace.run('ip', ['route', 'add', group, 'dev', 'tap0'])
    }
  })

  afterEach(() => link?.[Symbol.asyncDispose]())

  const listen = [
    `hello PEER from OWN IPv4`,
    `hello 10.0.0.255 from OWN IPv4`,
    `hello 239.1.2.3 from OWN IPv4`,
    `60000 from OWN IPv4`,
  ]
  const heard = (own: string, own6: string, peer: string, peer6: string) =>
    [
      ...listen.map((line) => `four heard ${line.replace('PEER', peer).replace('OWN', own)}`),
      `six heard hello ${peer6} from ${own6} IPv6`,
      `six heard hello ff15::123 from ${own6} IPv6`,
      `six heard 60000 from ${own6} IPv6`,
    ].join('\n')
  const answers = (peer: string, peer6: string) =>
    [
      `you said hello ${peer} by ${peer}`,
      `you said hello 10.0.0.255 by ${peer}`,
      `you said hello 239.1.2.3 by ${peer}`,
      'you said 60000',
      `you said hello ${peer6} by ${peer6}`,
      `you said hello ff15::123 by ${peer6}`,
      'you said 60000',
      'ECONNREFUSED',
      '',
    ].join('\n')

  test('hears and is heard: unicast, broadcast, multicast', async () => {
    const onStack = link.program('datagrams-listen.mjs', [STACK, STACK6])
    await onStack.waitFor('ready', 30_000)
    const words = [KERNEL, KERNEL6, STACK, STACK6]
    const byKernel = await link
      .kernelProgram('datagrams-send.mjs', words, { environment: { ZONE: '::%tap0' } })
      .finish(20_000)
    expect(byKernel).toMatchObject({ status: 0, stdout: answers(STACK, STACK6), stderr: '' })
    expect(onStack.stdout).toContain(heard(KERNEL, KERNEL6, STACK, STACK6))

    const udp = ['-u', '-w', '1']
    expect((await link.namespace.run('nc', [...udp, STACK, '8000'], { input: 'nc' })).stdout).toBe('you said nc')
    for (const target of [`${STACK}:8000`, `[${STACK6}]:8000`, '10.0.0.255:8000,broadcast', '239.1.2.3:8000']) {
      const socat = link.namespace.spawn('socat', ['-t', '2', '-', `UDP-DATAGRAM:${target}`])
      socat.endInput('socat')
      await socat.waitFor('you said socat')
      await socat.kill()
    }
  }, 60_000)

  test('the same with the ends exchanged', async () => {
    const onKernel = link.kernelProgram('datagrams-listen.mjs', [KERNEL, '::%tap0'])
    await onKernel.waitFor('ready', 30_000)
    const words = [STACK, STACK6, KERNEL, KERNEL6]
    const byStack = await link.program('datagrams-send.mjs', words).finish(20_000)
    expect(byStack).toMatchObject({ status: 0, stdout: answers(KERNEL, KERNEL6), stderr: '' })
    expect(onKernel.stdout).toContain(heard(STACK, STACK6, KERNEL, KERNEL6))
  }, 60_000)
})
