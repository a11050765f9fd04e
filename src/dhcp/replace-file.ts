import { rename, writeFile } from 'node:fs/promises'

/**
 * Gives a file other contents, all at once: who is killed meanwhile finds the old ones, not half of the new.
 * @param what what the file is, for the message of an error, which names the file itself and not the one that takes its place
 * @throws the errors of `open`, `write` and `rename`
 */
export async function replaceFile(path: string, text: string, what: string): Promise<void> {
  const fresh = `${path}.new`
  try {
    await writeFile(fresh, text)
    await rename(fresh, path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const [reason] = message.split(', ')
    const explained = new Error(`${reason}, ${what} ${path} cannot be written: ${path}.new is to take its place`)
    throw Object.assign(explained, { code, path, cause: error })
  }
}
