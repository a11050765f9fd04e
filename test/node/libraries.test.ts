/** Libraries as they are, on a tap: served to curl and a WebSocket client of the kernel's, and clients of its servers. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'
import { registerOptions } from './register-options.ts'

const REGISTER = registerOptions()

describeWithNamespaces('programs with libraries of others', () => {
  test('Express, Fastify, ws, undici and fetch, without a socket of the Internet', {
    timeout: 90_000,
  }, async (context) => {
    requires(context, 'strace', 'curl')
    const folder = mkdtempSync(join(tmpdir(), 'tapstack-libraries-'))
    await using namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'tap0'])
    await namespace.run('ip', ['link', 'set', 'tap0', 'up'])
    const kernel = namespace.spawn(process.execPath, ['test/node/programs/kernel-server.mjs'])
    await kernel.waitFor('listening')

    const calls = join(folder, 'calls')
    // As a grandchild (-D), so that it is the program that is ended in the end.
    const words = ['-D', '-f', '--seccomp-bpf', '-qq', '-e', 'trace=socket', '-o', calls, process.execPath, ...REGISTER]
    const program = namespace.spawn('strace', [...words, 'test/node/programs/libraries.mjs', '10.0.0.1'], {
      environment: { TAPSTACK_IPV4: '10.0.0.2/24', TAPSTACK_IPV4_ONLY: 'true' },
    })
    // Under strace all of it takes its time to load.
    await program.waitFor('ready', 60_000)
    expect(program.stdout).toBe('GET /fetch \n200 POST /undici posted\nkernel says hello\nready\n')

    const curl = async (...more: string[]) => (await namespace.run('curl', ['-sS', '--max-time', '20', ...more])).stdout
    expect(JSON.parse(await curl('http://10.0.0.2/hello/curl'))).toEqual({ hello: 'curl', from: '::ffff:10.0.0.1' })
    const post = ['-H', 'Content-Type: application/json', '-d', '{"posted":[1,2]}', 'http://10.0.0.2/echo']
    expect(JSON.parse(await curl(...post))).toEqual({ posted: [1, 2] })
    expect(JSON.parse(await curl('http://10.0.0.2:81/'))).toEqual({ fastify: true })
    expect((await curl('http://10.0.0.2:81/large')).length).toBe(5_000_000)
    const client = await namespace.run(process.execPath, [
      'test/node/programs/websocket-client.mjs',
      'ws://10.0.0.2:82',
    ])
    expect(client.stdout).toBe('echo hello\n')

    expect(readFileSync(calls, 'utf8')).not.toContain('AF_INET')
    rmSync(folder, { recursive: true })
  })
})
