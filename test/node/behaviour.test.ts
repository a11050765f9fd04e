import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SocketStack } from '../../src/stack/index.ts'
import { type Cases, observe } from './behaviour.ts'
import { datagramBinding } from './cases/datagram-binding.ts'
import { datagramOptions } from './cases/datagram-options.ts'
import { datagramSending } from './cases/datagram-sending.ts'
import { datagrams } from './cases/datagrams.ts'
import { http } from './cases/http.ts'
import { httpClients } from './cases/http-clients.ts'
import { httpServers } from './cases/http-servers.ts'
import { http2 } from './cases/http2.ts'
import { http2Endings } from './cases/http2-endings.ts'
import { https } from './cases/https.ts'
import { inheritance } from './cases/inheritance.ts'
import { loopPasses } from './cases/loop-passes.ts'
import { loopPhases } from './cases/loop-phases.ts'
import { addresses } from './cases/net-addresses.ts'
import { boundSockets } from './cases/net-bound-sockets.ts'
import { classes } from './cases/net-classes.ts'
import { data } from './cases/net-data.ts'
import { endings } from './cases/net-endings.ts'
import { opening } from './cases/net-opening.ts'
import { servers } from './cases/net-servers.ts'
import { sockets } from './cases/net-sockets.ts'
import { tls } from './cases/tls.ts'
import { tlsResets } from './cases/tls-resets.ts'
import { webSocket } from './cases/web-socket.ts'
import { type LoopbackStack, loopbackStack } from './loopback-stack.ts'

const SUITES: Record<string, Cases> = {
  'net: opening': opening,
  'net: addresses': addresses,
  'net: classes and functions': classes,
  'derived classes': inheritance,
  'net: bound sockets': boundSockets,
  'net: servers': servers,
  'net: sockets': sockets,
  'net: data': data,
  'net: endings': endings,
  'phases of the event loop': loopPhases,
  'passes of the event loop': loopPasses,
  dgram: datagrams,
  'dgram: binding': datagramBinding,
  'dgram: options': datagramOptions,
  'dgram: sending': datagramSending,
  http,
  'http: clients': httpClients,
  'http: servers': httpServers,
  'http: WebSocket': webSocket,
  tls,
  'tls: resets': tlsResets,
  https,
  http2,
  'http2: endings': http2Endings,
}

const nodes = new SocketStack()
let ours: LoopbackStack

beforeAll(async () => {
  ours = await loopbackStack()
})

afterAll(async () => {
  await nodes.close(0)
  expect(await ours.close()).toEqual({ packets: 0, timers: 0 })
})

for (const [suite, cases] of Object.entries(SUITES)) {
  describe(suite, () => {
    for (const [name, run] of Object.entries(cases)) {
      test(name, async () => {
        const theirs = await observe(run, nodes)
        expect(theirs, 'a case that sees nothing shows nothing').not.toEqual([])
        expect(theirs.filter((line) => /^(TIMED OUT|FAILED)/.test(line))).toEqual([])
        expect(await observe(run, ours.stack)).toEqual(theirs)
      })
    }
  })
}
