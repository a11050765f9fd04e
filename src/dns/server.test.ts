import { expect, test } from 'vitest'
import { formatServer, parseServer, parseServers } from './server.ts'

test.each([
  ['192.0.2.1', 'udp', '192.0.2.1', 53, null, '192.0.2.1'],
  ['192.0.2.1:53', 'udp', '192.0.2.1', 53, null, '192.0.2.1'],
  ['192.0.2.1:5353', 'udp', '192.0.2.1', 5353, null, '192.0.2.1:5353'],
  ['FD00:0::1', 'udp', 'fd00::1', 53, null, 'fd00::1'],
  ['[fd00::1]', 'udp', 'fd00::1', 53, null, 'fd00::1'],
  ['[fd00::1]:5353', 'udp', 'fd00::1', 5353, null, '[fd00::1]:5353'],
  ['fe80::1%tap0', 'udp', 'fe80::1%tap0', 53, null, 'fe80::1%tap0'],
  ['[fe80::1%tap0]:54', 'udp', 'fe80::1%tap0', 54, null, '[fe80::1%tap0]:54'],
  ['udp:192.0.2.1', 'udp', '192.0.2.1', 53, null, '192.0.2.1'],
  ['tcp:192.0.2.1:54', 'tcp', '192.0.2.1', 54, null, 'tcp:192.0.2.1:54'],
  ['TCP:fd00::1', 'tcp', 'fd00::1', 53, null, 'tcp:fd00::1'],
  ['tls:192.0.2.1', 'tls', '192.0.2.1', 853, null, 'tls:192.0.2.1'],
  ['tls:192.0.2.1!dns.example', 'tls', '192.0.2.1', 853, 'dns.example', 'tls:192.0.2.1!dns.example'],
  ['tls:[fd00::1]:8853!dns.example', 'tls', 'fd00::1', 8853, 'dns.example', 'tls:[fd00::1]:8853!dns.example'],
])('%s', (text, protocol, address, port, serverName, formatted) => {
  const server = parseServer(text)
  expect(server).toEqual({ protocol, address, port, serverName })
  expect(formatServer(server!)).toBe(formatted)
})

test.each([
  '',
  'dns.example',
  '192.0.2.1:0',
  '192.0.2.1:65536',
  '192.0.2.1:x',
  'udp:192.0.2.1!dns.example',
  '[192.0.2.1',
  'tls:192.0.2.1!',
  'tls:192.0.2.1!a!b',
  'tls:192.0.2.1!a b',
  'http:192.0.2.1',
  '192.0.2.1/24',
])('no server: %j', (text) => {
  expect(parseServer(text)).toBeNull()
  expect(() => parseServers([text])).toThrow(TypeError)
})
