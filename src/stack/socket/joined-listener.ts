import type { Endpoint, Listener } from '../stack.ts'

/** How often another free port is tried, where the first listener's is taken for the second. */
const ATTEMPTS = 10

/** Listeners on several addresses, with one port, as one. */
export class JoinedListener implements Listener {
  readonly local: Endpoint
  readonly #parts: readonly Listener[]

  private constructor(parts: readonly Listener[]) {
    this.#parts = parts
    this.local = { address: '::', port: parts[0]!.local.port }
  }

  /**
   * @param open makes the listener for one address on a port
   * @param port 0 for one that is free on all addresses
   * @throws as `open`
   */
  static async open(
    addresses: number,
    port: number,
    open: (index: number, port: number) => Promise<Listener>,
  ): Promise<Listener> {
    for (let attempt = 1; ; attempt++) {
      const parts: Listener[] = []
      try {
        for (let i = 0; i < addresses; i++) parts.push(await open(i, parts[0]?.local.port ?? port))
        return parts.length === 1 ? parts[0]! : new JoinedListener(parts)
      } catch (error) {
        await Promise.all(parts.map((part) => part.close()))
        const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
        if (port !== 0 || parts.length === 0 || !isTaken || attempt === ATTEMPTS) throw error
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.close()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
