/**
 * What `sandbox.ts` (outside) tells `sandbox-inside.ts` (the first process in the namespace) over their channel. When
 * the channel closes, whichever side is left ends.
 */
export type SandboxMessage =
  /** Comes with a listening server of the host: its connections go to this endpoint inside. */
  | { readonly type: 'publish'; readonly address: string; readonly port: number }
  /** Set up the network and run the command. Comes once, after all `publish`. */
  | {
      readonly type: 'run'
      readonly command: readonly string[]
      readonly interface: string
      /** The kernel's addresses with their lengths. */
      readonly addresses: readonly string[]
      readonly mountProc: boolean
    }
  /** The outside was sent this signal. */
  | { readonly type: 'signal'; readonly signal: NodeJS.Signals }

/** Signals that are passed on to the command. */
export const FORWARDED_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
