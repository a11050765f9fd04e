import { parseInterface } from '../netif/index.ts'
import { parseValue } from './argument-types.ts'
import { BadArgument } from './arguments.ts'
import { isSocket } from './boot-arguments.ts'
import { optionName, parseArguments } from './command-line.ts'
import { devicesInOrder, inGroup, isStackDevice, type StackDevice, valuesOfStack } from './devices/index.ts'
import { writtenElsewhere } from './elsewhere.ts'
import { checkProcessTogether, checkTogether } from './fitting-together.ts'
import type { RunValues } from './made-devices.ts'
import { declarationsOf, type Unikernel } from './unikernel.ts'

/**
 * The values of all arguments of a run, from wherever they stand, checked as far as that goes before anything has started.
 * @param sandboxInterface the sandbox's tap device; undefined outside of one
 * @throws BadArgument
 */
export async function readRunArguments(
  unikernel: Unikernel,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  sandboxInterface: string | undefined,
): Promise<RunValues> {
  const declarations = declarationsOf(unikernel)
  const values = (await parseArguments(declarations, argv, (given) =>
    writtenElsewhere(given('config'), environment, declarations),
  )) as RunValues
  checkProcessTogether(values, stacksOf(unikernel).length > 0)
  checkStacks(unikernel, values, sandboxInterface)
  return values
}

function stacksOf({ devices }: Unikernel): StackDevice[] {
  return devicesInOrder(devices).filter(isStackDevice)
}

/** @throws BadArgument */
function checkStacks(unikernel: Unikernel, values: RunValues, sandboxInterface: string | undefined): void {
  const taken = new Map<string, StackDevice>()
  for (const device of stacksOf(unikernel)) {
    const own = valuesOfStack(device, values)
    inGroup(device, () => checkTogether(own, sandboxInterface))
    if (isSocket(own)) continue
    const { target } = parseInterface(own.interface)
    const other = taken.get(target)
    if (other !== undefined) {
      const option = ({ group }: StackDevice) => `--${group === null ? '' : `${optionName(group)}-`}interface`
      throw new BadArgument(
        `${option(device)}: expected another interface than that of ${option(other)}, ${own.interface}`,
      )
    }
    taken.set(target, device)
  }
}

/** Whether an argument that is missing, or wrong, must not keep anyone from the help that tells about it. */
export function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv
    .slice(0, end < 0 ? argv.length : end)
    .some(
      (argument) =>
        argument === '--help' ||
        argument === '-h' ||
        (argument.startsWith('--help=') && parseValue({ type: 'boolean', doc: '' }, argument.slice(7)) === true),
    )
}
