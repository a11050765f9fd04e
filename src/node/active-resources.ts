/**
 * `process.getActiveResourcesInfo`, `_getActiveRequests` and `_getActiveHandles` of a process whose network is a stack. Handles are
 * among Node's own, as what stands for them there; requests are told of here, and what of the process's timers and immediates is
 * ours, not the application's, is left out.
 */
import type { HandleHost } from './handle-host.ts'
import { TcpEndpoint } from './tcp-endpoint.ts'

/** How Node lists requests, by their classes; the others go by the names of those. */
const LISTED_AS: Readonly<Record<string, string>> = {
  TCPConnectWrap: 'ConnectWrap',
  ShutdownWrap: 'SimpleShutdownWrap',
  WriteWrap: 'SimpleWriteWrap',
}

interface Listing {
  getActiveResourcesInfo(): string[]
  _getActiveRequests(): object[]
}

/** From now on the process tells of what its program has under way on the stack. */
export function listActiveResources(host: HandleHost): void {
  const listing = process as unknown as Listing
  const { getActiveResourcesInfo, _getActiveRequests: getActiveRequests } = listing
  const own: Listing = {
    getActiveResourcesInfo() {
      const others = getActiveResourcesInfo.call(process)
      if (host.hold.hasTimer) leaveOut(others, 'Timeout', 1)
      leaveOut(others, 'Immediate', host.immediates)
      return [...requestsOf(host).map(listedAs), ...others]
    },
    _getActiveRequests: () => [...requestsOf(host), ...getActiveRequests.call(process)],
  }
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(value, 'name', { value: name, configurable: true })
    // As Node has them: one is listed among what a process has, the other is not.
    Object.defineProperty(process, name, { ...Object.getOwnPropertyDescriptor(process, name), value })
  }
}

function requestsOf(host: HandleHost): object[] {
  const requests: object[] = [...host.stack.openHandles.nameRequests]
  host.stack.tcp.forEachConnection(({ user }) => {
    if (user instanceof TcpEndpoint) requests.push(...user.requests)
  })
  return requests
}

function listedAs(request: object): string {
  const { name } = request.constructor
  return LISTED_AS[name] ?? name
}

function leaveOut(list: string[], name: string, count: number): void {
  for (let left = count; left > 0; left--) {
    const index = list.lastIndexOf(name)
    if (index !== -1) list.splice(index, 1)
  }
}
