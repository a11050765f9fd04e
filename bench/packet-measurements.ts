import { type Measurement, measurements } from './measurements.ts'

const MEASURED = ['receive', 'send', 'request-response', 'connections', 'http-duplex']

/** What a stack over a packet socket on a veth is to reach of the same stack over a tap, in the same run. */
export const packetMeasurements: readonly Measurement[] = measurements
  .filter(({ name }) => MEASURED.includes(name))
  .map((measurement) => ({
    ...measurement,
    name: `${measurement.name}-packet`,
    group: 'packet',
    title: `${measurement.title}, packet socket beside tap`,
    goal: { ratio: 0.7 },
    subjects: ['packet', 'tapstack'],
  }))
