import type { ArgumentDeclarations } from './arguments.ts'
import { readConfigFile } from './config-file.ts'
import { variableName, type Written, writtenInEnvironment } from './written.ts'

/**
 * The arguments that stand beside the command line, those of the first place first: in a file, then in the environment.
 * @param config the file that the command line names; otherwise the environment may name one
 * @throws BadArgument for the file
 */
export async function writtenElsewhere(
  config: unknown,
  environment: Readonly<Record<string, string | undefined>>,
  declarations: ArgumentDeclarations,
): Promise<Written[]> {
  const variables = writtenInEnvironment(environment, declarations)
  // The one argument that is looked for elsewhere first, because it says where elsewhere is.
  const [variable] = variables.find(({ option }) => option === 'config')?.values ?? []
  const [file, from] = config === undefined ? [variable, variableName('config')] : [config, '--config']
  return [...(file === undefined ? [] : await readConfigFile(String(file), from)), ...variables]
}
