/** What every stack does, whichever it is: one suite, run against each by `behaviour.test.ts`. */
import { afterEach, beforeEach, describe } from 'vitest'
import { closingBehaviour } from './closing.ts'
import { connectionBehaviour } from './connections.ts'
import { dataBehaviour } from './data.ts'
import { endingBehaviour } from './endings.ts'
import type { Pair } from './pairs.ts'
import { socketBehaviour } from './sockets.ts'
import { streamBehaviour } from './streams.ts'
import { groupBehaviour, udpBehaviour } from './udp.ts'

/**
 * Each test has a pair of its own, made by `make` and closed behind it.
 * @param has whether the link carries datagrams to groups
 */
export function behaviour(name: string, make: () => Promise<Pair>, has = { groups: true }): void {
  describe(name, () => {
    let current: Pair
    const pair = () => current
    beforeEach(async () => {
      current = await make()
    })
    afterEach(() => current.close())

    connectionBehaviour(pair)
    dataBehaviour(pair)
    endingBehaviour(pair)
    socketBehaviour(pair)
    streamBehaviour(pair)
    udpBehaviour(pair)
    if (has.groups) groupBehaviour(pair)
    closingBehaviour(pair)
  })
}
