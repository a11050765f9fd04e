/** What a process lists as under way, of a program that has a stack for its network. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { registerOptions } from './register-options.ts'

const PROGRAM = fileURLToPath(new URL('programs/active-resources.mjs', import.meta.url))

async function told(options: readonly string[]): Promise<string[]> {
  const environment = { ...process.env, TAPSTACK_INTERFACE: 'lo' }
  const { stdout } = await promisify(execFile)(process.execPath, [...options, PROGRAM], { env: environment })
  return stdout.trim().split('\n')
}

test('getActiveResourcesInfo, _getActiveHandles and _getActiveRequests say what they say on Node alone', async () => {
  const [theirs, ours] = await Promise.all([told([]), told(registerOptions())])
  expect(theirs.find((line) => line.startsWith('writing |'))).toContain('SimpleWriteWrap')
  expect(theirs.find((line) => line.startsWith('names |'))).toContain('GetNameInfoReqWrap')
  expect(ours).toEqual(theirs)
})
