/** Drivers of databases on a tap, with the real servers at the other end. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { type Certificates, makeCertificates } from './certificates.ts'
import { PASSWORD, startMariadb, startPostgresql, startRedis } from './databases.ts'
import { KERNEL, TapLink } from './tap-link.ts'

describeWithNamespaces('databases', () => {
  let link: TapLink
  let certificates: Certificates

  beforeEach(async (context) => {
    requires(context, 'strace', 'openssl', 'nc', 'initdb', 'redis-server', 'mariadbd')
    link = await TapLink.create()
    certificates = makeCertificates(link.folder)
  })

  afterEach(() => link?.[Symbol.asyncDispose]())

  async function resultsOf(program: ReturnType<TapLink['program']>): Promise<unknown> {
    const finished = await program.finish(60_000)
    expect(finished).toMatchObject({ status: 0, stderr: '' })
    return JSON.parse(finished.stdout.slice(finished.stdout.indexOf('{')))
  }

  test('pg with PostgreSQL', async () => {
    const server = await startPostgresql(link, certificates)
    const words = [KERNEL, PASSWORD, certificates.authority]
    expect(await resultsOf(link.program('postgres.mjs', words))).toEqual({
      sum: 42,
      types: { f: 1.5, a: [1, 2], j: { k: [1] }, t: true },
      failure: '42P01',
      rolledBack: 0,
      rows: [200_000, 'item 200000'],
      content: true,
      oneByOne: 999,
      heard: ['news number 0', 'news number 1', 'news number 2'],
      backends: 8,
      canceled: '57014',
      secure: { ssl: true, version: 'TLSv1.3' },
      secureLarge: 10_000_000,
      untrusted: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      failed: '57P01',
      refused: 'ECONNREFUSED',
    })

    const ask = ['--server', KERNEL, '--user', 'trial', '--password', PASSWORD, '--query']
    const encrypted = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
    for (const [query, tls, answer] of [
      ['SELECT i, i * i AS square FROM generate_series(1, 2) i', [], '{"i":1,"square":1}\n{"i":2,"square":4}\n'],
      [encrypted, [], '{"ssl":false}\n'],
      [encrypted, ['--tls'], '{"ssl":true}\n'],
    ] as const) {
      const example = await link.example('postgres-client.ts', [...ask, query, ...tls]).finish(20_000)
      expect(example.status, example.stderr).toBe(0)
      expect(example.stdout).toContain(answer)
    }
    expect((await server.kill('SIGINT')).status).toBe(0)
  }, 120_000)

  test('ioredis with Redis, which ends and comes back', async () => {
    const first = await startRedis(link, certificates)
    const program = link.program('redis.mjs', [KERNEL, certificates.authority])
    await program.waitFor('restart', 60_000)
    await first.kill('SIGTERM')
    await startRedis(link, certificates)
    expect(await resultsOf(program)).toEqual({
      get: 'hello',
      pipeline: [10_000, 49_995_000],
      together: 10_000,
      transaction: [
        [null, 'OK'],
        [null, 2],
      ],
      large: true,
      heard: [1000, 'news number 0', 'weather number 999'],
      popped: ['queue', 'work'],
      secure: 'hello',
      secureLarge: true,
      queued: 'OK',
      back: 'news back',
    })
  }, 120_000)

  test('mysql2 with MariaDB', async () => {
    const server = await startMariadb(link, certificates)
    const words = [KERNEL, PASSWORD, certificates.authority]
    expect(await resultsOf(link.program('mysql.mjs', words))).toEqual({
      sum: 42,
      prepared: 7,
      failure: 'ER_NO_SUCH_TABLE',
      loaded: 100_000,
      rows: [100_000, 'line 99999'],
      streamed: 4_999_950_000,
      content: true,
      rolledBack: 100_000,
      connections: 8,
      secure: 'TLSv1.3',
      secureRows: 100_000,
      compressed: 100_000,
      denied: 'ER_ACCESS_DENIED_ERROR',
      refused: 'ECONNREFUSED',
    })
    expect((await server.kill('SIGTERM')).status).toBe(0)
  }, 120_000)
})
