/** `tapstack exec`, and that the trials of this folder would notice a socket of the Internet. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { IS_BUILT, LOADER } from '../node/register-options.ts'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { KERNEL, STACK, TapLink } from './tap-link.ts'

const MAIN = new URL(IS_BUILT ? '../../dist/cli/main.js' : '../../src/cli/main.ts', import.meta.url).href
const START = `import { main } from '${MAIN}'; process.exit(await main(process.argv.slice(1)))`
const EXPRESS = fileURLToPath(new URL('programs/express.mjs', import.meta.url))

describeWithNamespaces('tapstack exec', () => {
  async function servedBy(link: TapLink, net: string, address: string): Promise<string> {
    const calls = join(link.folder, 'calls')
    const strace = ['-D', '-f', '--seccomp-bpf', '-qq', '-e', 'trace=socket', '-o', calls]
    const exec = ['exec', `--net=${net}`, '--interface=tap0', `--ipv4=${address}/24`, '--', process.execPath, EXPRESS]
    const words = [...strace, process.execPath, ...LOADER, '--input-type=module', '-e', START, '--', ...exec]
    const command = link.namespace.spawn('strace', words)
    await command.waitFor('ready', 30_000)
    expect(JSON.parse(await link.curl(`http://${address}/hello/exec`))).toMatchObject({ hello: 'exec' })
    // The command passes it on, and ends as the program does.
    expect((await command.kill('SIGTERM')).status).toBe(143)
    return readFileSync(calls, 'utf8')
  }

  test('the program opens no socket of the Internet', async (context) => {
    requires(context, 'strace', 'curl')
    await using link = await TapLink.create()
    expect(await servedBy(link, 'direct', STACK)).not.toContain('AF_INET')
  })

  test('with the sockets of the operating system it does, and the trials would notice', async (context) => {
    requires(context, 'strace', 'curl')
    await using link = await TapLink.create()
    expect(await servedBy(link, 'socket', KERNEL)).toMatch(/socket\(AF_INET6?, SOCK_STREAM/)
    const environment = { TAPSTACK_NET: 'socket', TAPSTACK_IPV4: '', TAPSTACK_IPV6: '' }
    await link.program('express.mjs', [], { environment }).waitFor('ready', 30_000)
    expect(link.internetSockets()).not.toEqual([])
    link.programs.length = 0
  })
})
