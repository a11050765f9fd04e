/** When BBR takes losses for a sign that too much is in flight: draft-ietf-ccwg-bbr, 5.5.10.2. */

/** BBR.LossThresh: the queue pressure objective, a loss rate within a round trip. */
const LOSS_THRESHOLD = 0.02
/** How many standard deviations a count has to lie above what the threshold lets expect. */
const DEVIATIONS = 3

/**
 * IsInflightTooHigh(). Departs from the draft, which compares the losses of one round trip, a sample of as many segments as
 * are in flight, with 2 % of them. A path that loses 2 % at random, which BBR is to tolerate, is above that in every other
 * round trip, and hardly any probe for bandwidth, which looks again with each acknowledgment for two round trips and more,
 * gets by; the window falls to what was in flight, again and again, and cruising gives up 2 % in each round trip. The letter
 * of it leaves half of a link of 100 Mbit/s and 50 ms idle at that loss, this more than nine tenths busy. Here a rate has to exceed 2 % by more than chance
 * explains: of n segments 0.02 n are expected to be lost, with a standard deviation of about the root of that, and three of
 * these it must be above: 3 of 20, 7 of 100, 18 of 430, 243 of 10,000. A queue that overflows while it is offered a quarter
 * more than it drains is beyond that within the same round trip. In the same spirit BBR.StartupFullLossCnt (5.3.1.3) wants
 * six losses in Startup, and Google's QUIC two in each probe.
 * @param lost bytes found lost since a segment was sent
 * @param flight bytes in flight when it was sent
 */
export function isInflightTooHigh(lost: number, flight: number, segmentSize: number): boolean {
  const expected = LOSS_THRESHOLD * flight
  const excess = lost - expected
  return excess > 0 && excess * excess > DEVIATIONS * DEVIATIONS * expected * segmentSize
}
