import type * as dgram from 'node:dgram'
import type * as http from 'node:http'
import type * as http2 from 'node:http2'
import type * as https from 'node:https'
import type * as net from 'node:net'
import type * as tls from 'node:tls'

/**
 * The modules of Node that use the network, over a stack: the same functions and classes, the same behaviour. For whatever
 * takes `net` or a module like it, and for programs that are written for Node.
 */
export interface NodeModuleSet {
  readonly net: typeof net
  readonly dgram: typeof dgram
  readonly tls: typeof tls
  readonly http: typeof http
  readonly https: typeof https
  readonly http2: typeof http2
}

/** Sockets and servers of a stack's Node modules that would hold a process, as Node counts them. */
export class OpenHandles {
  /** Names that are being looked up, by objects of the classes that Node has for them. */
  readonly nameRequests = new Set<object>()
  #count = 0
  /** Told when none is left. */
  onNone: (() => void) | null = null
  /** Told when the first comes and the last goes: whoever holds the event loop. */
  holdLoop: ((holds: boolean) => void) | null = null

  get count(): number {
    return this.#count
  }

  opened(): void {
    this.#count++
    if (this.#count === 1) this.holdLoop?.(true)
  }

  closed(): void {
    this.#count--
    if (this.#count > 0) return
    this.holdLoop?.(false)
    this.onNone?.()
  }
}

/** What a stack has of `NodeModuleSet`, whoever makes it. */
export abstract class NodeModuleOwner implements NodeModuleSet {
  readonly openHandles = new OpenHandles()

  /** @throws Error if there is no way to have them in this version of Node */
  abstract get nodeModules(): NodeModuleSet

  get net(): typeof net {
    return this.nodeModules.net
  }

  get dgram(): typeof dgram {
    return this.nodeModules.dgram
  }

  get tls(): typeof tls {
    return this.nodeModules.tls
  }

  get http(): typeof http {
    return this.nodeModules.http
  }

  get https(): typeof https {
    return this.nodeModules.https
  }

  get http2(): typeof http2 {
    return this.nodeModules.http2
  }
}

/** Makes the modules of one stack. */
export type NodeModuleMaker<S> = (stack: S) => NodeModuleSet

/** A place for the maker, which lives in a layer above and puts itself here when it is loaded. */
export class NodeModuleMakerPlace<S> {
  #maker: NodeModuleMaker<S> | null = null

  provide(maker: NodeModuleMaker<S>): void {
    this.#maker = maker
  }

  make(stack: S): NodeModuleSet {
    if (this.#maker === null) throw new Error('nothing has loaded the modules of Node: import the package tapstack')
    return this.#maker(stack)
  }
}
