/** TLS and HTTP/2 on a tap, with certificates of a real authority: both roles, with curl, openssl, nghttp, h2load, nginx, nghttpd. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { type Certificates, makeCertificates } from './certificates.ts'
import { startNginx } from './nginx.ts'
import { KERNEL, STACK, STACK6, TapLink } from './tap-link.ts'

describeWithNamespaces('TLS and HTTP/2', () => {
  let link: TapLink
  let certificates: Certificates

  beforeEach(async (context) => {
    requires(context, 'strace', 'curl', 'nc', 'openssl', 'nginx', 'nghttp', 'h2load', 'nghttpd')
    link = await TapLink.create()
    certificates = makeCertificates(link.folder)
  })

  afterEach(() => link?.[Symbol.asyncDispose]())

  test('servers', async () => {
    const { authority, certificate, key } = certificates
    const program = link.program('tls-server.mjs', [authority, certificate, key])
    await program.waitFor('ready', 30_000)
    const trust = ['--cacert', authority]
    expect(JSON.parse(await link.curl(...trust, `https://${STACK}/`))).toEqual({ bytes: 0, reused: false, name: false })
    expect(JSON.parse(await link.curl(...trust, `https://[${STACK6}]/`))).toMatchObject({ bytes: 0 })
    const byName = ['--connect-to', `service.test:443:${STACK}:443`, 'https://service.test/']
    expect(JSON.parse(await link.curl(...trust, ...byName))).toMatchObject({ name: 'service.test' })
    const download = ['-o', '/dev/null', '-w', '%{size_download} %{http_version} %{ssl_verify_result}']
    expect(await link.curl(...trust, ...download, `https://${STACK}/large`)).toBe('20000000 1.1 0')
    expect(await link.curl(...trust, ...download, '--http2', `https://${STACK}:8443/large`)).toBe('20000000 2 0')
    expect(await link.curl(...trust, ...download, '--http1.1', `https://${STACK}:8443/large`)).toBe('20000000 1.1 0')
    const stranger = await link.namespace.run('curl', ['-sS', `https://${STACK}/`], { allowFailure: true })
    expect(stranger.status).toBe(60)
    await program.waitFor('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')

    const client = (...words: string[]) => [
      's_client',
      '-CAfile',
      authority,
      '-verify_return_error',
      '-quiet',
      ...words,
    ]
    const mutual = client('-connect', `${STACK}:7001`, '-cert', certificate, '-key', key)
    expect((await link.namespace.run('openssl', mutual)).stdout).toBe('hello service.test\n')
    const nobody = await link.namespace.run('openssl', client('-connect', `${STACK}:7001`), { allowFailure: true })
    expect(nobody.stdout).toBe('')
    await program.waitFor('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE')
    for (const version of ['-tls1_2', '-tls1_3']) {
      const echo = link.namespace.spawn('openssl', client('-connect', `${STACK}:7000`, version))
      echo.write('hello\n')
      await echo.waitFor('hello\n')
      await echo.kill()
    }
    const session = join(link.folder, 'session')
    const speak = ['s_client', '-CAfile', authority, '-connect', `${STACK}:443`]
    const ask = 'GET / HTTP/1.1\r\nHost: service.test\r\nConnection: close\r\n\r\n'
    const once = await link.namespace.run('openssl', [...speak, '-ign_eof', '-sess_out', session], { input: ask })
    expect(once.stdout).toContain('"reused":false')
    const again = await link.namespace.run('openssl', [...speak, '-ign_eof', '-sess_in', session], { input: ask })
    expect(again.stdout).toContain('"reused":true')
  }, 90_000)

  test('HTTP/2 servers, for nghttp and h2load', async () => {
    const { authority, certificate, key } = certificates
    await link.program('tls-server.mjs', [authority, certificate, key]).waitFor('ready', 30_000)
    const nghttp = async (...words: string[]) => (await link.namespace.run('nghttp', words)).stdout
    expect(await nghttp(`https://${STACK}:8443/nghttp`)).toBe('2.0 /nghttp 0')
    expect(await nghttp(`http://${STACK}:8080/plain`)).toBe('2.0 /plain')
    expect(await nghttp('-d', certificate, `https://${STACK}:8443/up`)).toBe(
      `2.0 /up ${readFileSync(certificate).length}`,
    )
    expect(await nghttp('-ns', ...Array(20).fill(`https://${STACK}:8443/x`))).toContain('+')
    for (const origin of [`https://${STACK}:8443`, `http://${STACK}:8080`]) {
      const words = ['-n', '4000', '-c', '16', '-m', '32', `${origin}/h2load`]
      const { stdout } = await link.namespace.run('h2load', words, { timeout: 60_000 })
      expect(stdout).toContain('4000 done, 4000 succeeded, 0 failed, 0 errored, 0 timeout')
    }
    const large = ['-n', '8', '-c', '2', '-m', '4', `https://${STACK}:8443/large`]
    const { stdout } = await link.namespace.run('h2load', large, { timeout: 60_000 })
    expect(stdout).toContain('8 done, 8 succeeded, 0 failed')
  }, 90_000)

  test('clients', async () => {
    const large = await startNginx(link, certificates)
    const nghttpd = link.namespace.spawn('nghttpd', [
      '--no-tls',
      '-a',
      KERNEL,
      '-d',
      join(link.folder, 'pages'),
      '8080',
    ])
    await link.untilOpen(nghttpd, KERNEL, 8080)
    const program = await link.program('tls-client.mjs', [KERNEL, certificates.authority, 'upload']).finish(60_000)
    expect(program).toMatchObject({ status: 0, stderr: '' })
    const text = createHash('sha256')
      .update(readFileSync(join(link.folder, 'pages/text')))
      .digest('hex')
    const pages = { many: [`200 ${text}`], large: `200 ${large}` }
    const asked = { answer: 'HTTP/1.1 200 OK', authorized: true, alpnProtocol: false }
    expect(JSON.parse(program.stdout)).toEqual({
      first: { ...asked, version: 'TLSv1.3', reused: false, session: true },
      second: { ...asked, version: 'TLSv1.3', reused: true },
      older: { ...asked, version: 'TLSv1.2', alpnProtocol: 'http/1.1', reused: false },
      untrusted: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      nginx: { ...pages, posted: 10_000_000 },
      nghttpd: pages,
    })
  }, 90_000)
})
