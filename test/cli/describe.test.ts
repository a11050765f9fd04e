import { expect, test } from 'vitest'
import { root, runTapstack } from './process.ts'

const describeFile = (...words: string[]) => runTapstack(['describe', ...words], { cwd: root })

test('what an application is composed of depends on its boot arguments', async () => {
  const [direct, socket, mermaid, dot, svg] = await Promise.all([
    describeFile('examples/echo.ts', '--ipv4=10.0.0.2/24', '--ipv4-only', '--interface=packet:eth0'),
    describeFile('examples/ping.ts', '--net', 'socket'),
    describeFile('--format', 'mermaid', 'examples/echo.ts'),
    describeFile('-f', 'dot', 'examples/echo.ts'),
    describeFile('-f=svg', 'examples/echo.ts').then((outcome) => outcome),
  ])
  expect(direct).toMatchObject({ code: 0, stderr: '' })
  expect(direct.stdout).toMatch(/^echo\n└─ stack\n/)
  expect(direct.stdout).toContain('─ ipv4 10.0.0.2/24\n')
  expect(direct.stdout).toContain('─ packet socket eth0\n')
  expect(direct.stdout).not.toContain('ipv6')
  // ping.ts requires a target, which does not matter here.
  expect(socket.stdout).toContain("└─ the operating system's sockets\n")
  expect(mermaid.stdout).toMatch(/^flowchart TD\n {2}n0\["echo"\]\n/)
  expect(dot.stdout).toMatch(/^digraph \{\n/)
  expect(svg.code).toBe(64)
  expect((await describeFile('-f', 'svg', 'examples/echo.ts')).stdout).toMatch(/^<svg .*<\/svg>\n$/s)
})

test('what is wrong is one line', async () => {
  expect(await describeFile('examples/echo.ts', '--ipv4=x')).toMatchObject({
    code: 64,
    stdout: '',
    stderr: expect.stringMatching(/^tapstack: echo: --ipv4: expected .*, not "x"\n$/),
  })
  expect(await describeFile('README.md')).toMatchObject({
    code: 64,
    stderr: expect.stringMatching(/^tapstack: [^\n]*\n$/),
  })
})
