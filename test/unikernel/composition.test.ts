/** What `tapstack describe` shows, as a tree. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { renderTree } from '../../src/inspect/index.ts'
import { compositionOf, devices, unikernel } from '../../src/unikernel/index.ts'

test('devices, what they are made of, and what the runner itself sends', async () => {
  const stack = devices.stack({ group: 'public' })
  const audit = devices.syslog({ stack, argument: 'audit' })
  const application = unikernel({ name: 'site', devices: { audit, web: devices.httpServer({ stack }) }, start() {} })
  const argv = ['--public-net=socket', '--syslog=tls://[fd00::1]:77', '--monitor=metrics.example']
  expect(renderTree(await compositionOf(application, argv))).toBe(`site
├─ audit: syslog
│  └─ public: stack
│     ├─ dns
│     │  └─ the operating system's sockets
│     └─ the operating system's sockets
├─ web: http-server
│  └─ public: stack (above)
├─ syslog to tls://[fd00::1]:77
│  └─ public: stack (above)
└─ monitor to metrics.example
   └─ public: stack (above)
`)
})

test('arguments of a configuration file and of the environment count as they do for a run', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-composition-'))
  try {
    const config = join(folder, 'site.toml')
    writeFileSync(config, 'ipv4 = "10.9.0.2/24"\n')
    const application = unikernel({ name: 'site', devices: { stack: devices.stack() }, start() {} })
    const tree = async (argv: string[], environment = {}) =>
      renderTree(await compositionOf(application, argv, environment))
    expect(await tree([`--config=${config}`])).toContain('ipv4 10.9.0.2/24')
    expect(await tree([], { TAPSTACK_IPV4: '10.2.0.2/24' })).toContain('ipv4 10.2.0.2/24')
    expect(await tree([], { TAPSTACK_NET: 'socket' })).toContain("the operating system's sockets")
    writeFileSync(config, 'ipv4 = "zz"\n')
    await expect(tree([`--config=${config}`])).rejects.toThrow(/site\.toml: ipv4: expected .*, not "zz"/)
    await expect(tree(['--config=/nothing/here.toml'])).rejects.toThrow(/nothing\/here\.toml/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
