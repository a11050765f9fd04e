import { expect, test } from 'vitest'
import { explainRefusal, explainTunDevice } from './namespace.ts'

const settings = (values: Record<string, string>) => (name: string) => values[name] ?? null

test('names the setting of Debian that forbids user namespaces, and the command that allows them', () => {
  const text = explainRefusal('unshare failed', false, settings({ 'kernel.unprivileged_userns_clone': '0' }))
  expect(text).toContain('sudo sysctl -w kernel.unprivileged_userns_clone=1')
  expect(text).toContain('unshare failed')
  expect(text).not.toContain('apparmor')
})

test('names the setting of Ubuntu', () => {
  const text = explainRefusal('', false, settings({ 'kernel.apparmor_restrict_unprivileged_userns': '1' }))
  expect(text).toContain('sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0')
})

test('names a limit of zero user namespaces', () => {
  expect(explainRefusal('', false, settings({ 'user.max_user_namespaces': '0' }))).toContain(
    'sudo sysctl -w user.max_user_namespaces=15000',
  )
})

test('leaves settings alone that forbid nothing, and offers root', () => {
  const allowed = {
    'kernel.unprivileged_userns_clone': '1',
    'kernel.apparmor_restrict_unprivileged_userns': '0',
    'user.max_user_namespaces': '96343',
  }
  const text = explainRefusal('Operation not permitted', false, settings(allowed))
  expect(text).not.toContain('sysctl')
  expect(text).toContain('sudo npm start')
})

test('tells root in a container which capability is missing', () => {
  const text = explainRefusal('Operation not permitted', true, settings({ 'user.max_user_namespaces': '0' }))
  expect(text).toContain('--cap-add SYS_ADMIN')
  expect(text).not.toContain('sysctl')
})

test.each([
  ['EACCES', 'sudo chmod 666 /dev/net/tun'],
  ['EPERM', '--device /dev/net/tun'],
  ['ENOENT', 'sudo modprobe tun'],
])('says what to do about /dev/net/tun with %s', (code, advice) => {
  expect(explainTunDevice(code)).toContain(advice)
})
