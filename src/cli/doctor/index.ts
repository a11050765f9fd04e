/** `tapstack doctor`: whether a service can run on a tap here, what else works, and how to mend what does not. */
import type { Check } from './check.ts'
import { checkIpv6, checkKernel, checkLimits, checkPrograms } from './machine.ts'
import { formatChecks } from './report.ts'
import { checkNamespaces, checkPacketSockets, checkTaps, checkTunDevice, rightsOf } from './rights.ts'
import { checkAddon, checkInternals, checkNode, checkPackages } from './software.ts'
import { checkTrial } from './trial.ts'

/** @returns the exit code: 0 when a service can run on a tap, otherwise 1 */
export async function runDoctor({ json }: { json: boolean }): Promise<number> {
  const checks = (await examine()).map(forWhoAsks)
  const lacking = checks.filter(({ status }) => status === 'missing')
  const healthy = lacking.length === 0
  if (json) console.log(JSON.stringify({ ok: healthy, checks }, null, 2))
  else console.log(`${formatChecks(checks)}\n\n${conclusion(lacking)}`)
  return healthy ? 0 : 1
}

async function examine(): Promise<Check[]> {
  const rights = rightsOf()
  const before = [checkKernel(), checkNode(), checkAddon()]
  const device = checkTunDevice()
  const { check: namespaces, entry } = checkNamespaces()
  const canBegin = [...before, device].every(({ status }) => status === 'ok')
  return [
    ...before,
    await checkInternals(),
    device,
    checkTaps(rights, entry !== null),
    namespaces,
    ...(await checkTrial(entry, canBegin)),
    checkPacketSockets(rights),
    checkIpv6(),
    ...checkLimits(rights.netAdmin),
    checkPrograms(),
    ...checkPackages(),
  ]
}

/** Who is root already needs no sudo, which containers do not have. */
function forWhoAsks(check: Check): Check {
  if (process.geteuid?.() !== 0) return check
  return { ...check, mend: check.mend.map((each) => each.replace(/^sudo /, '')) }
}

function conclusion(lacking: readonly Check[]): string {
  if (lacking.length === 0) return 'A service can run on a tap here.'
  return `No service can run on a tap here: see ${lacking.map(({ name }) => name).join(', ')}.`
}
