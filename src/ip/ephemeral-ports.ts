import type { Random } from '../clock/index.ts'

/** Linux: ip_local_port_range, 28,232 ports. */
export const FIRST_EPHEMERAL_PORT = 32_768
/** And the last one. */
export const LAST_EPHEMERAL_PORT = 60_999

/**
 * A free port by RFC 6056, section 3.3.1 (simple port randomization): a random one, and the next if it is taken.
 * @param isFree asked once for each port at most
 * @param least first and @param most last port of the range
 * @returns 0 if all are taken
 */
export function pickEphemeralPort(
  random: Random,
  isFree: (port: number) => boolean,
  least = FIRST_EPHEMERAL_PORT,
  most = LAST_EPHEMERAL_PORT,
): number {
  const count = most - least + 1
  const first = random.below(count)
  for (let i = 0; i < count; i++) {
    const port = least + ((first + i) % count)
    if (isFree(port)) return port
  }
  return 0
}
