import type { ArgumentDeclarations } from './arguments.ts'
import { optionName } from './command-line.ts'

export type WrittenValue = string | number | bigint | boolean

/** An argument that was not given on the command line, as it was written elsewhere. */
export interface Written {
  /** Its name on the command line, without the dashes. */
  readonly option: string
  /** Texts, except where whoever has written it could say that it is something else. */
  readonly values: readonly WrittenValue[]
  /** Whether it was written as a list. */
  readonly isList: boolean
  /** What a complaint names: a variable, or a file and a name in it. */
  readonly from: string
  /** Its name as it was written. */
  readonly key: string
  /** Whether somebody has meant it for us: then it must be an argument that there is. */
  readonly isConfigured: boolean
}

/** A name as people write it in files, `ipv4Gateway`, `ipv4_gateway` or `ipv4-gateway`, as on the command line. */
export function writtenName(key: string): string {
  return optionName(key).replaceAll('_', '-')
}

/** `ipv4Gateway` in the environment: `TAPSTACK_IPV4_GATEWAY`. */
export function variableName(name: string): string {
  return `TAPSTACK_${optionName(name).replaceAll('-', '_').toUpperCase()}`
}

/**
 * The arguments that stand in the environment. A variable that is empty counts as none, as where one leaves it open in a file
 * that sets many; the values of a repeated argument are separated by commas.
 */
export function writtenInEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  declarations: ArgumentDeclarations,
): Written[] {
  const found: Written[] = []
  for (const [name, declaration] of Object.entries(declarations)) {
    const from = variableName(name)
    const text = environment[from]
    if (text === undefined || text === '') continue
    const isList = declaration.repeated === true
    const values = isList ? text.split(',').map((each) => each.trim()) : [text]
    found.push({ option: optionName(name), values, isList, from, key: from, isConfigured: false })
  }
  return found
}
