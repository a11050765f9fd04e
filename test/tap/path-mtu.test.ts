/** Path MTU discovery (RFC 1191, RFC 4821) with a Linux router in the way whose next link is narrower than ours. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'
import type { RunningProcess } from '../support/running-process.ts'

/** What the next hop of the router carries when the test begins. */
function withRouter(mtu: number) {
  const made: { router: Namespace; host: Namespace; stack: RunningProcess } = {} as never

  beforeEach(async () => {
    const router = (made.router = await Namespace.create())
    const host = (made.host = await Namespace.create())
    made.stack = router.spawnNode('test/tap/programs/path-mtu.ts')
    await made.stack.waitFor('ready')
    await router.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'tap0'])
    const ends = ['near', 'mtu', `${mtu}`, 'type', 'veth', 'peer', 'name', 'far', 'mtu', `${mtu}`]
    await router.run('ip', ['link', 'add', ...ends])
    await router.run('ip', ['link', 'set', 'far', 'netns', String(host.pid)])
    await router.run('ip', ['address', 'add', '10.1.0.1/24', 'dev', 'near'])
    await router.run('ip', ['link', 'set', 'near', 'up'])
    await router.run('sh', ['-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward'])
    await host.run('ip', ['address', 'add', '10.1.0.2/24', 'dev', 'far'])
    await host.run('ip', ['link', 'set', 'far', 'up'])
    // The host believes that the path is as wide as ours.
    await host.run('ip', ['route', 'add', '10.0.0.0/24', 'via', '10.1.0.1', 'advmss', '1460'])
    const server = host.spawnNode('test/tap/programs/transfer.ts', ['serve', '10.1.0.2', '5001'])
    await server.waitFor('ready')
  })
  afterEach(async () => {
    await made.router?.[Symbol.asyncDispose]()
    await made.host?.[Symbol.asyncDispose]()
  })
  return made
}

async function report(stack: RunningProcess): Promise<Record<string, number>> {
  const before = stack.stdout.length
  stack.write('report\n')
  await stack.waitFor(new RegExp(`^[^]{${before}}[^]*report .*\\n`))
  return JSON.parse(stack.stdout.slice(before).match(/report (.*)\n/)![1])
}

describeWithNamespaces('a link behind a Linux router with an MTU of 1300', () => {
  const made = withRouter(1300)

  test('is found out by what the router says, at once', async () => {
    const { stack } = made
    stack.write('send 10.1.0.2 5001 30\n')
    await stack.waitFor('sent true')
    const { snd_mss, pmtu, TCPTimeouts, TCPMTUPBlackHole } = await report(stack)
    expect({ snd_mss, pmtu, TCPTimeouts, TCPMTUPBlackHole }).toEqual({
      snd_mss: 1300 - 52,
      pmtu: 1300,
      TCPTimeouts: 0,
      TCPMTUPBlackHole: 0,
    })
  })

  test('is found out without a word of the router', async () => {
    const { router, stack } = made
    // Its messages go nowhere.
    await router.run('ip', ['rule', 'add', 'ipproto', 'icmp', 'blackhole'])
    stack.write('send 10.1.0.2 5001 30\n')
    await stack.waitFor('sent true')
    const { snd_mss, pmtu, TCPMTUPBlackHole, TCPMTUPSuccess } = await report(stack)
    expect(pmtu).toBe(1500)
    expect(TCPMTUPBlackHole).toBe(1)
    expect(TCPMTUPSuccess).toBeGreaterThan(0)
    expect(snd_mss).toBeGreaterThan(1300 - 52 - 8)
    expect(snd_mss).toBeLessThanOrEqual(1300 - 52)
  })
})

describeWithNamespaces('a link behind a Linux router whose MTU goes down to 1300 while data flows', () => {
  const made = withRouter(1500)

  test('holds nothing up where the router says so: no timer has to expire', async () => {
    const { router, stack } = made
    stack.write('send 10.1.0.2 5001 100 5\n')
    await stack.waitFor('under way')
    await router.run('ip', ['link', 'set', 'near', 'mtu', '1300'])
    await stack.waitFor('sent true')
    const { snd_mss, pmtu, TCPTimeouts, TCPMTUPBlackHole } = await report(stack)
    expect({ snd_mss, pmtu, TCPTimeouts, TCPMTUPBlackHole }).toEqual({
      snd_mss: 1300 - 52,
      pmtu: 1300,
      TCPTimeouts: 0,
      TCPMTUPBlackHole: 0,
    })
  })

  test('is found out by probing where the router is mute', async () => {
    const { router, stack } = made
    await router.run('ip', ['rule', 'add', 'ipproto', 'icmp', 'blackhole'])
    stack.write('send 10.1.0.2 5001 100 5\n')
    await stack.waitFor('under way')
    await router.run('ip', ['link', 'set', 'near', 'mtu', '1300'])
    await stack.waitFor('sent true')
    const { snd_mss, pmtu, TCPMTUPBlackHole, TCPMTUPSuccess } = await report(stack)
    expect({ pmtu, TCPMTUPBlackHole }).toEqual({ pmtu: 1500, TCPMTUPBlackHole: 1 })
    expect(TCPMTUPSuccess).toBeGreaterThan(0)
    expect(snd_mss).toBeGreaterThan(1300 - 52 - 8)
    expect(snd_mss).toBeLessThanOrEqual(1300 - 52)
  })
})
