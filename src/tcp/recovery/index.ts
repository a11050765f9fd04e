export {
  limitDuplicates,
  sampleRoundTrip,
  takeAcknowledged,
  takeOffDuplicates,
} from './cumulative-acknowledgment.ts'
export { Delivery } from './delivery.ts'
export {
  finishSample,
  isWindowLimited,
  noteApplicationLimited,
  noteSent,
  noteWindowUse,
} from './delivery-rate.ts'
export { enterLoss, enterRecovery, flightOf, outstanding, reduce } from './episodes.ts'
export { react } from './fast-recovery.ts'
export { hasLearntNothing, LossRecovery, RecoveryState } from './loss-recovery.ts'
export { pacingQuantum } from './pacing.ts'
export { adaptReorderingWindow, detectLosses } from './rack.ts'
export { noteReorderingOf } from './reordering.ts'
export { repacketize, repairProbe } from './repacketization.ts'
export { segmentsIn } from './scoreboard.ts'
export { takeBlocks } from './selective-acknowledgment.ts'
export { Sent, type SentSegment, SentSegmentPool } from './sent-segment.ts'
export { mayProbe, noteProbe, probeAcknowledged, probeTimeout } from './tail-loss-probe.ts'
