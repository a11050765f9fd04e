import type { PathModel } from './bbr-path-model.ts'
import type { BbrState } from './bbr-state.ts'

/** No state is to be returned to. */
export const NO_STATE = -1

/** What losses have changed, and what comes back where there were none: draft-ietf-ccwg-bbr, 5.5.11. */
export class LossUndo {
  /** BBR.undo_state: the state that they have ended. */
  state: BbrState | typeof NO_STATE = NO_STATE
  #bandwidth = 0
  #shortTermInflight = 0
  #longTermInflight = 0

  /** SaveStateUponLoss(), but for the window: 5.5.11.1. */
  save({ shortTerm, longTerm }: PathModel): void {
    this.state = NO_STATE
    this.#bandwidth = shortTerm.bandwidth
    this.#shortTermInflight = shortTerm.inflight
    this.#longTermInflight = longTerm.inflight
  }

  /** HandleSpuriousLossDetection(), but for window and state: 5.5.11.2. */
  restore({ shortTerm, longTerm, fullPipe }: PathModel): void {
    shortTerm.forgetCongestion()
    fullPipe.reset(0)
    shortTerm.bandwidth = Math.max(shortTerm.bandwidth, this.#bandwidth)
    shortTerm.inflight = Math.max(shortTerm.inflight, this.#shortTermInflight)
    longTerm.inflight = Math.max(longTerm.inflight, this.#longTermInflight)
  }
}
