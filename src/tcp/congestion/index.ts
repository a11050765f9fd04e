import type { Random } from '../../clock/index.ts'
import { Bbr } from './bbr.ts'
import type { CongestionControl, CongestionControlName } from './congestion-control.ts'
import { Cubic } from './cubic.ts'
import { NewReno } from './new-reno.ts'

export { AcknowledgmentSample } from './acknowledgment-sample.ts'
export { Bbr } from './bbr.ts'
export { BbrState } from './bbr-state.ts'
export {
  Congestion,
  type CongestionControl,
  type CongestionControlName,
  initialWindow,
  LARGEST_WINDOW,
} from './congestion-control.ts'
export { Cubic } from './cubic.ts'
export { NewReno } from './new-reno.ts'

/** What can be chosen. */
export const CONGESTION_CONTROLS: readonly CongestionControlName[] = ['cubic', 'newreno', 'bbr']

/** @throws RangeError if it is none of them */
export function congestionControlName(name: CongestionControlName): CongestionControlName {
  if (CONGESTION_CONTROLS.includes(name)) return name
  throw new RangeError(`congestionControl is one of ${CONGESTION_CONTROLS.join(', ')}, not ${String(name)}`)
}

/**
 * @param segmentSize bytes of data in a full segment
 * @param random when BBR probes for bandwidth is up to chance
 */
export function newCongestionControl(
  name: CongestionControlName,
  segmentSize: number,
  random: Random,
): CongestionControl {
  switch (name) {
    case 'cubic':
      return new Cubic(segmentSize)
    case 'newreno':
      return new NewReno(segmentSize)
    case 'bbr':
      return new Bbr(segmentSize, random)
  }
}
