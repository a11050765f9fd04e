import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { AbortError, SystemError } from './index.ts'

test('a system error has the fields of Node’s own', () => {
  const error = new SystemError('ECONNREFUSED', 'connect', { address: '10.0.0.1', port: 80 })
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({
    message: 'connect ECONNREFUSED 10.0.0.1:80',
    code: 'ECONNREFUSED',
    errno: -constants.errno.ECONNREFUSED,
    syscall: 'connect',
    address: '10.0.0.1',
    port: 80,
  })
})

test('what is not known is not there', () => {
  const error = new SystemError('EPERM', 'open', { hint: 'run as root' })
  expect(error.message).toBe('open EPERM (run as root)')
  expect(Object.keys(error)).not.toContain('address')
  expect(Object.keys(error)).not.toContain('port')
})

test('an IPv6 address with a port stands without brackets, as Node writes it', () => {
  expect(new SystemError('ETIMEDOUT', 'connect', { address: 'fd00::1', port: 7 }).message).toBe(
    'connect ETIMEDOUT fd00::1:7',
  )
})

test('an aborted call is an AbortError that keeps the reason', () => {
  const reason = new Error('changed my mind')
  expect(new AbortError(reason)).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: reason })
})
