/** The behaviour suite over UNIX sockets, with frames as `-netdev stream` and `-netdev dgram` have them. */
import { mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openByteStream, openUnixDatagram } from '../../src/netif/index.ts'
import { behaviour } from '../stack/behaviour.ts'
import { directPair, type Pair } from '../stack/pairs.ts'

async function pairOverSocket(family: 4 | 6): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-'))
  const path = join(folder, 'wire')
  try {
    return await directPair(family, async ({ memory }) => [
      await openByteStream({ path, memory, listen: true }),
      await openByteStream({ path, memory }),
    ])
  } finally {
    // Who is connected needs it no longer.
    rmSync(folder, { recursive: true })
  }
}

async function pairOverDatagrams(family: 4 | 6): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-'))
  const [one, other] = [join(folder, 'one'), join(folder, 'other')]
  const pair = await directPair(family, async ({ memory }) => [
    await openUnixDatagram({ local: one, remote: other, memory }),
    await openUnixDatagram({ local: other, remote: one, memory }),
  ])
  return {
    ...pair,
    async close() {
      await pair.close()
      // Both have taken their sockets away.
      rmdirSync(folder)
    },
  }
}

behaviour('over a UNIX socket, IPv4', () => pairOverSocket(4))
behaviour('over a UNIX socket, IPv6', () => pairOverSocket(6))
behaviour('over UNIX datagrams, IPv4', () => pairOverDatagrams(4))
behaviour('over UNIX datagrams, IPv6', () => pairOverDatagrams(6))
