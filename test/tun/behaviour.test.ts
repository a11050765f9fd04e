import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { missing, requires } from '../requirements.ts'
import { behaviour } from '../stack/behaviour.ts'
import type { Namespace } from '../support/namespace.ts'
import { joinedTuns, tunPair } from './pair.ts'

const lacks = missing('root', 'ip', 'tc', 'namespaces', 'tap')

describe('tun', () => {
  let namespace: Namespace
  beforeAll(async () => {
    if (lacks === null) namespace = await joinedTuns()
  })
  afterAll(() => namespace?.[Symbol.asyncDispose]())
  beforeEach((context) => requires(context, 'root', 'ip', 'tc', 'namespaces', 'tap'))

  behaviour('DirectStack over joined tuns', () => tunPair(namespace))
})
