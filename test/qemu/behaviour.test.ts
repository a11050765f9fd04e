/** The behaviour suite over a UNIX socket, with frames as `-netdev stream` has them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openByteStream } from '../../src/netif/index.ts'
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

behaviour('over a UNIX socket, IPv4', () => pairOverSocket(4))
behaviour('over a UNIX socket, IPv6', () => pairOverSocket(6))
