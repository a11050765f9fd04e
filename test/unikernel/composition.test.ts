/** What `tapstack describe` shows, as a tree. */
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
