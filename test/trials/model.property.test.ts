/**
 * Whatever two applications and the network between them do, in whatever order: each end reads a prefix of what the other
 * wrote; where nobody broke off it reads all of it, and both ends close cleanly; nothing is left behind; and once the
 * network is well again it does not take long.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Action, type Case, End } from './model-actions.ts'
import { ModelWorld } from './model-world.ts'

const end = fc.constantFrom(End.Client, End.Server)
const probability = (most: number) => fc.oneof(fc.constant(0), fc.double({ min: 0, max: most, noNaN: true }))
const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 3000 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 65_536 }) },
)

const impair = fc.record({
  kind: fc.constant('impair'),
  loss: probability(0.2),
  duplication: probability(0.2),
  corruption: probability(0.05),
  reordering: probability(0.3),
  latency: fc.nat(100_000),
  bandwidth: fc.constantFrom(1e6, 1e7, 1e9),
})

const action = fc.oneof(
  { weight: 24, arbitrary: fc.record({ kind: fc.constant('write'), end, size, inPlace: fc.boolean() }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('read'), end, most: size }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('keepReading'), end, on: fc.boolean() }) },
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('wait'),
      milliseconds: fc.oneof({ weight: 4, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(20_000) }),
    }),
  },
  { weight: 6, arbitrary: impair },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('cable'), up: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('mtu'), end, mtu: fc.integer({ min: 552, max: 1500 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('shutdown'), end }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('discard', 'close', 'abort'), end }) },
) as fc.Arbitrary<Action>

const cases: fc.Arbitrary<Case> = fc.record({
  seed: fc.integer(),
  settings: fc.record({
    receiveBuffer: fc.constantFrom(2048, 20_000, 262_144),
    sendBuffer: fc.constantFrom(4096, 1_048_576),
    timestamps: fc.boolean(),
    selectiveAcknowledgments: fc.boolean(),
    windowScaling: fc.boolean(),
    delayedAcknowledgment: fc.constantFrom(0, 40_000),
    congestionControl: fc.constantFrom('cubic', 'newreno', 'bbr'),
  }),
  actions: fc
    .tuple(impair as fc.Arbitrary<Action>, fc.array(action, { maxLength: 50, size: 'max' }))
    .map(([first, rest]) => [first, ...rest]),
})

describe('two applications and a network against the model', () => {
  test('streams are prefixes, whole where nobody broke off; ends are allowed ones; nothing is left', () => {
    fc.assert(
      fc.property(cases, (what) => {
        const world = new ModelWorld(what)
        for (const step of what.actions) world.do(step)
        expect(world.finish()).toEqual([])
      }),
      { numRuns: Number(process.env.TAPSTACK_RUNS ?? 300) },
    )
  })
})
