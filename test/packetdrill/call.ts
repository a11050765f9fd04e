/** What the runner passes to a call and expects of it; see the README of the scripts. */
export interface CallContext {
  bindPort: number
  connectPort: number
}

export type CallResult =
  | { ret: unknown; errno?: string; opt?: number | string }
  | { pending: () => CallResult | null }
  | { unsupported: string }

export const SUCCESS: CallResult = { ret: 0 }

export function failed(errno: string): CallResult {
  return { ret: -1, errno }
}

/** What `attempt` gives at once; while that is null, the call blocks, or would. */
export function blocking(nonBlocking: boolean, attempt: () => CallResult | null): CallResult {
  const result = attempt()
  if (result !== null) return result
  return nonBlocking ? failed('EWOULDBLOCK') : { pending: attempt }
}
