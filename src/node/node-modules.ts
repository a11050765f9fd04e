import { DirectStack, type NodeModuleSet } from '../stack/index.ts'
import { type HandleHost, handleHost } from './handle-host.ts'
import { type DgramModule, stackDgram } from './stack-dgram.ts'
import { stackHttp, stackHttp2, stackHttps } from './stack-http.ts'
import { type NetModule, stackNet } from './stack-net.ts'
import { stackTls, type TlsModule } from './stack-tls.ts'

/**
 * The modules of Node that use the network, over one stack: same functions, same classes, same behaviour. Each is made when
 * it is first asked for.
 */
export class NodeModules implements NodeModuleSet {
  readonly #host: HandleHost
  #net: NetModule | null = null
  #dgram: DgramModule | null = null
  #tls: TlsModule | null = null
  #http: typeof import('node:http') | null = null
  #https: typeof import('node:https') | null = null
  #http2: typeof import('node:http2') | null = null

  constructor(host: HandleHost) {
    this.#host = host
  }

  get net(): NetModule {
    this.#net ??= stackNet(this.#host)
    return this.#net
  }

  get dgram(): DgramModule {
    this.#dgram ??= stackDgram(this.#host)
    return this.#dgram
  }

  get tls(): TlsModule {
    this.#tls ??= stackTls(this.#host)
    return this.#tls
  }

  get http(): typeof import('node:http') {
    this.#http ??= stackHttp(this.#host, this.net, () => this.tls)
    return this.#http
  }

  get https(): typeof import('node:https') {
    this.#https ??= stackHttps(this.#host, this.net)
    return this.#https
  }

  get http2(): typeof import('node:http2') {
    this.#http2 ??= stackHttp2(this.#host, this.net, this.tls)
    return this.#http2
  }
}

const made = new WeakMap<DirectStack, NodeModules>()

DirectStack.nodeModuleMaker.provide((stack) => {
  let modules = made.get(stack)
  if (modules === undefined) {
    modules = new NodeModules(handleHost(stack))
    made.set(stack, modules)
  }
  return modules
})
