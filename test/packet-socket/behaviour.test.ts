import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { missing, requires } from '../requirements.ts'
import { behaviour } from '../stack/behaviour.ts'
import type { Namespace } from '../support/namespace.ts'
import { vethNamespace, vethPair } from './veth.ts'

const lacks = missing('root', 'ip', 'namespaces')

describe('packet sockets', () => {
  let namespace: Namespace
  beforeAll(async () => {
    if (lacks === null) namespace = await vethNamespace()
  })
  afterAll(() => namespace?.[Symbol.asyncDispose]())
  beforeEach((context) => requires(context, 'root', 'ip', 'namespaces'))

  behaviour('DirectStack over a veth', () => vethPair(namespace))
})
