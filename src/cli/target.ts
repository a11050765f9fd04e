import { isIP } from 'node:net'
import type { Stack } from '../stack/index.ts'

/** The address of a host that a person named, by the stack's own resolver if it is a name. @throws Error naming it */
export async function addressOfTarget(stack: Stack, target: string, family: 0 | 4 | 6): Promise<string> {
  const bare = target.replace(/^\[(.*)\]$/, '$1')
  if (isIP(bare.replace(/%.*$/, '')) !== 0) return bare
  const { address } = await stack.dns.promises.lookup(target, { family })
  return address
}

/** What is expected instead, where it can be neither an address nor a name: `10.0.0.1:80`, `http://host/`. */
export function expectedTarget(target: string): string | undefined {
  const bare = target.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '')
  const isName = /^[\p{L}\p{N}_.-]{1,253}$/u.test(bare) && !/^[\d.]+$/.test(bare)
  return isIP(bare) !== 0 || isName ? undefined : 'an address or a name, without a port'
}
