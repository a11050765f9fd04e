/** How `--help` reads: 80 columns, no colour where nobody asked for it, what is the application's own first. */
import { expect, test } from 'vitest'
import { devices, run, unikernel } from '../../src/unikernel/index.ts'

async function help(terminal: boolean, environment: Record<string, string> = {}): Promise<string> {
  const outside = devices.stack({ group: 'public' })
  const application = unikernel({
    name: 'site',
    description: 'pages for whoever asks, with a description that is longer than what fits into one line of a terminal',
    arguments: {
      idle: { type: 'duration', default: '30s', doc: 'when a connection is closed' },
      workers: { type: 'integer', minimum: 1, maximum: 64, default: 4, short: 'w', doc: 'how many' },
      upstream: { type: 'endpoint', repeated: true, doc: 'where requests go' },
    },
    devices: { outside, pages: devices.keyValueStore({ argument: 'pages' }) },
    start() {},
  })
  let text = ''
  const stdout = { write: (more: string) => (text += more), isTTY: terminal }
  expect(await run(application, ['--help'], { command: 'tapstack run site.ts', stdout, environment })).toBe(0)
  return text
}

test('the application first, then by what they are about', async () => {
  const text = await help(false)
  expect(text.slice(0, text.indexOf('  --public-net'))).toBe(`Usage: tapstack run site.ts [arguments]

site: pages for whoever asks, with a description that is longer than what fits
into one line of a terminal

Arguments of site:
  --idle DURATION             when a connection is closed (default 30s)
  -w, --workers N             how many (1 to 64; default 4)
  --upstream ENDPOINT         where requests go (may be repeated; an address
                              with a port such as 10.0.0.1:80 or [fd00::1]:80)
  --pages FOLDER              the folder whose files are the values of a store
                              (required)

Boot arguments: interface and addresses of the network public:
`)
  expect(text.match(/^\S.*:$/gm)).toEqual([
    'Arguments of site:',
    'Boot arguments: interface and addresses of the network public:',
    'Boot arguments: names of the network public:',
    'Boot arguments: logs and measurements:',
    'Boot arguments: the process:',
  ])
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  // In a group arguments are called by the names that they have there.
  expect(text).toMatch(/the network\s+of --public-ipv6/)
  expect(text).not.toMatch(/[^-]--ipv4\b/)
  expect(text).not.toContain('2147483647')
})

test('colour on a terminal that wants it', async () => {
  expect(await help(true)).toContain('\u001b[1mArguments of site:\u001b[22m')
  const plain = await help(false)
  expect(plain).not.toContain('\u001b')
  expect(await help(true, { NO_COLOR: '1' })).toBe(plain)
  expect(await help(true, { TERM: 'dumb' })).toBe(plain)
})
