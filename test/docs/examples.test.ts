import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { pages, root } from './markdown.ts'

/** Each TypeScript block of a page, as a module of its own under the name of its first line. */
function examples(): { name: string; source: string }[] {
  return pages().flatMap(({ path, text }) =>
    [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => {
      const line = text.slice(0, match.index).split('\n').length + 1
      return { name: `${basename(path, '.md')}-line-${line}.ts`, source: `${match[1]}\nexport {}\n` }
    }),
  )
}

test('the examples of the documentation are TypeScript that the public interface takes', () => {
  const found = examples()
  expect(found.length).toBeGreaterThan(25)
  // Beside node_modules, so that packages are found.
  mkdirSync(join(root, 'test/captures'), { recursive: true })
  const folder = mkdtempSync(join(root, 'test/captures/examples-'))
  try {
    for (const { name, source } of found) writeFileSync(join(folder, name), source)
    const compilerOptions = {
      paths: { tapstack: [join(root, 'src/index.ts')] },
      // Names that are introduced for the reader; callbacks of packages whose types are wide.
      noUnusedLocals: false,
      noUnusedParameters: false,
      noImplicitAny: false,
    }
    const settings = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions,
      include: ['*.ts', join(root, 'test/docs/example-context.ts')],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings))
    const compiler = join(root, 'node_modules/.bin/tsc')
    const { stdout, status } = spawnSync(compiler, ['-p', folder], { cwd: folder, encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
