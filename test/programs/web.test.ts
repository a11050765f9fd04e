/** Express and Fastify on a tap, for curl, wrk and a browser with a WebSocket. */
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, type RunningProcess } from '../support/namespace.ts'
import { browse } from './browser.ts'
import { makeCertificates } from './certificates.ts'
import { STACK, STACK6, TapLink } from './tap-link.ts'

const UPLOAD = 20_000_000

describeWithNamespaces.each(['express.mjs', 'fastify.mjs'])('%s', (file) => {
  let link: TapLink
  let program: RunningProcess

  beforeEach(async (context) => {
    requires(context, 'strace', 'curl', 'wrk', 'chromium')
    link = await TapLink.create()
    program = link.program(file)
    await program.waitFor('ready', 30_000)
  })

  afterEach(() => link?.[Symbol.asyncDispose]())

  test('serves curl', async () => {
    const hello = async (...words: string[]) => JSON.parse(await link.curl(...words))
    expect(await hello(`http://${STACK}/hello/curl`)).toEqual({ hello: 'curl', from: '::ffff:10.0.0.1' })
    expect(await hello(`http://[${STACK6}]/hello/curl`)).toEqual({ hello: 'curl', from: 'fd00::1' })
    const json = ['-H', 'Content-Type: application/json', '-d', '{"posted":[1,2]}']
    expect(await hello(...json, `http://${STACK}/echo`)).toEqual({ posted: [1, 2] })
    expect(await link.curl('-o', '/dev/null', '-w', '%{size_download}', `http://${STACK}/large`)).toBe('5000000')

    const upload = join(link.folder, 'upload')
    writeFileSync(upload, '')
    truncateSync(upload, UPLOAD)
    const octets = ['-H', 'Content-Type: application/octet-stream', '-T', upload, '-X', 'POST']
    expect(await hello(...octets, `http://${STACK}/count`)).toEqual({ bytes: UPLOAD })
    const chunked = ['-H', 'Transfer-Encoding: chunked', '-H', 'Expect: 100-continue']
    expect(await hello(...octets, ...chunked, `http://${STACK}/count`)).toEqual({ bytes: UPLOAD })
    // Over one connection, one after the other.
    const urls = Array.from({ length: 20 }, (_, i) => `http://${STACK}/hello/${i}`)
    const format = ['-w', '%{num_connects}\n', ...urls.flatMap((url) => ['-o', '/dev/null', url])]
    expect((await link.curl(...format)).split('\n').filter((count) => count === '1')).toHaveLength(1)
  })

  test('serves wrk with 64 connections without an error', async () => {
    const words = ['-t', '2', '-c', '64', '-d', '4s', `http://${STACK}/hello/wrk`]
    const { stdout } = await link.namespace.run('wrk', words, { timeout: 60_000 })
    expect(stdout).toMatch(/requests in/)
    expect(stdout).not.toMatch(/Socket errors|Non-2xx/)
    expect(Number(/(\d+) requests in/.exec(stdout)?.[1])).toBeGreaterThan(500)
    // And it is as before.
    expect(JSON.parse(await link.curl(`http://${STACK}/hello/curl`))).toMatchObject({ hello: 'curl' })
  }, 90_000)

  test('serves a browser with a WebSocket', async () => {
    await using browser = browse(link, `http://${STACK}/`)
    const [, report] = await program.waitFor(/report (\{.*\})\n/, 60_000)
    expect(JSON.parse(report)).toEqual({
      json: { hello: 'browser', from: '::ffff:10.0.0.1' },
      large: 5_000_000,
      posted: { posted: [1, 2] },
      many: 50,
      echoed: 300_000,
    })
    await browser.kill()
  }, 90_000)
})

describeWithNamespaces('node:http2 over TLS', () => {
  test('serves a browser with a WebSocket', async (context) => {
    requires(context, 'strace', 'openssl', 'chromium')
    await using link = await TapLink.create()
    const { certificate, key } = makeCertificates(link.folder)
    const program = link.program('secure.mjs', [certificate, key])
    await program.waitFor('ready', 30_000)
    // The test's authority is not among those that a browser trusts.
    await using browser = browse(link, `https://${STACK}/`, ['--ignore-certificate-errors'])
    const [, report] = await program.waitFor(/report (\{.*\})\n/, 60_000)
    expect(JSON.parse(report)).toEqual({
      json: { hello: 'browser', version: '2.0' },
      large: 5_000_000,
      posted: { posted: [1, 2] },
      many: 50,
      echoed: 300_000,
    })
    await browser.kill()
  }, 90_000)
})
