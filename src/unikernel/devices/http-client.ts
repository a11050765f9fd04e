import type { IncomingHttpHeaders, OutgoingHttpHeaders, RequestOptions } from 'node:http'
import { SystemError } from '../../errors/index.ts'
import type { Stack } from '../../stack/index.ts'
import { type Device, device } from './device.ts'

/** What `devices.httpClient` asks for. */
export interface HttpRequest {
  /** Default GET. */
  method?: string
  headers?: OutgoingHttpHeaders
  body?: string | Uint8Array
  /** Gives up with an AbortError. */
  signal?: AbortSignal
  /** Milliseconds without anything from the server until ETIMEDOUT; default 30,000. */
  timeout?: number
  /** Bytes that a body may have; default 16 MiB. */
  maximumBody?: number
  /** For HTTPS: certificates in PEM that are trusted instead of Node's. */
  ca?: string | Buffer
}

/** What `devices.httpClient` gets. */
export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  text(): string
  json(): unknown
}

/** Asks HTTP and HTTPS servers over a stack: names are resolved by it, connections are its flows. */
export interface HttpClient {
  /**
   * One request, without following redirects.
   * @throws TypeError for the URL; the errors of `Stack.connect` and of the name's resolution; SystemError ETIMEDOUT, EMSGSIZE
   *   for a body that is too long
   */
  request(url: string | URL, options?: HttpRequest): Promise<HttpResponse>
}

const TIMEOUT = 30_000
const MAXIMUM_BODY = 16 * 1024 * 1024

/** @param uses the stack that it connects from, as declared: `devices.stack()` */
export function httpClientDevice(uses: { stack: Device<Stack> }): Device<HttpClient> {
  return device({
    kind: 'http-client',
    uses: { stack: uses.stack },
    create: ({ uses: { stack }, signal }): HttpClient => ({
      request: (url, options = {}) => request(stack, new URL(url), options, signal),
    }),
  })
}

async function request(stack: Stack, url: URL, options: HttpRequest, stopping: AbortSignal): Promise<HttpResponse> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`${url} is no URL of HTTP or HTTPS`)
  const { method = 'GET', headers = {}, body, signal, timeout = TIMEOUT, maximumBody = MAXIMUM_BODY, ca } = options
  const settings: RequestOptions & { ca?: string | Buffer } = {
    method,
    headers,
    // One connection for a request: nothing is left open that an application would have to close.
    agent: false,
    signal: signal === undefined ? stopping : AbortSignal.any([signal, stopping]),
    ...(ca === undefined ? {} : { ca }),
  }
  const module = url.protocol === 'https:' ? stack.https : stack.http
  return new Promise((resolve, reject) => {
    const asked = module.request(url, settings, (response) => {
      const chunks: Buffer[] = []
      let length = 0
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > maximumBody) asked.destroy(systemError('EMSGSIZE', `the body is longer than ${maximumBody} bytes`))
        else chunks.push(chunk)
      })
      response.on('end', () => {
        const whole = Buffer.concat(chunks)
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: whole,
          text: () => whole.toString(),
          json: () => JSON.parse(whole.toString()),
        })
      })
    })
    asked.setTimeout(timeout, () => asked.destroy(systemError('ETIMEDOUT', `nothing came for ${timeout} ms`)))
    asked.on('error', reject)
    asked.end(body)
  })
}

function systemError(code: 'ETIMEDOUT' | 'EMSGSIZE', hint: string): SystemError {
  return new SystemError(code, 'request', { hint })
}
