import { loadModule } from './load-module.ts'

export async function runFile(file: string, bootArguments: readonly string[]): Promise<number> {
  void bootArguments
  await loadModule(file)
  return 0
}
