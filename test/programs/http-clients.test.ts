/** fetch, undici and `node:https` on a tap, as clients of nginx; and nginx as a client of a server on the tap. */
import { expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { makeCertificates } from './certificates.ts'
import { startNginx } from './nginx.ts'
import { KERNEL, KERNEL6, TapLink } from './tap-link.ts'

describeWithNamespaces('with nginx', () => {
  test('fetch, undici and node:https: kept connections, large bodies, uploads, chunks, gzip, TLS', async (context) => {
    requires(context, 'strace', 'curl', 'nginx', 'openssl')
    await using link = await TapLink.create()
    const certificates = makeCertificates(link.folder)
    const large = await startNginx(link, certificates)
    const words = [KERNEL, KERNEL6, certificates.authority]
    const program = await link.program('http-clients.mjs', words).finish(90_000)
    expect(program).toMatchObject({ status: 0, stderr: '' })
    const results = JSON.parse(program.stdout)
    expect(results).toEqual({
      fetchKeepsAlive: 1,
      fetchSix: true,
      fetchLarge: large,
      fetchEncoding: 'gzip',
      fetchText: 880_000,
      fetchChunks: Array.from({ length: 10 }, (_, i) => `chunk ${i}\n`).join(''),
      fetchPost: 'POST 30000000 length true',
      fetchStream: 'PUT 30000000 chunked true',
      fetchForm: true,
      fetchAbort: 'AbortError',
      fetchRefused: 'ECONNREFUSED',
      fetchMany: 1,
      poolConnections: 4,
      undiciLarge: large,
      undiciPost: 'POST 30000000 chunked true',
      undiciStream: large,
      undiciTls: true,
      agentConnections: 2,
      httpsLarge: large,
      httpsPost: 'POST 30000000 chunked true',
      untrusted: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      wrongName: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
    // On the kernel's own stack it is no different.
    const kernel = await link.kernelProgram('http-clients.mjs', words).finish(90_000)
    expect(JSON.parse(kernel.stdout)).toEqual(results)
  }, 120_000)

  test('as a proxy before Express', async (context) => {
    requires(context, 'strace', 'curl', 'wrk', 'nginx', 'openssl')
    await using link = await TapLink.create()
    await startNginx(link, makeCertificates(link.folder))
    await link.program('express.mjs').waitFor('ready', 30_000)
    expect(JSON.parse(await link.curl(`http://${KERNEL}/stack/hello/nginx`))).toEqual({
      hello: 'nginx',
      from: '::ffff:10.0.0.1',
    })
    const size = ['-o', '/dev/null', '-w', '%{size_download}']
    expect(await link.curl(...size, `http://${KERNEL}/stack/large`)).toBe('5000000')
    const { stdout } = await link.namespace.run('wrk', ['-c', '32', '-d', '2s', `http://${KERNEL}/stack/hello/wrk`])
    expect(stdout).toMatch(/requests in/)
    expect(stdout).not.toMatch(/Socket errors|Non-2xx/)
  }, 60_000)
})
