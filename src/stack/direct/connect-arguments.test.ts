/** Ways of calling `connect`: read as `net.Socket` reads them, which is asked the same and stopped where it would look up the name. */
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { SystemError } from '../../errors/index.ts'
import { connectArguments } from './connect-arguments.ts'

const callback = () => {}

/** What Node would connect to, or 'refused'; nothing is sent. */
function nodeTarget(words: unknown[]): unknown {
  const socket = new Socket()
  let asked: string | null = null
  const options = typeof words[0] === 'object' && words[0] !== null ? words[0] : null
  const lookup = (host: string) => {
    asked = host
  }
  const [port, second] = words
  const host = typeof second === 'string' ? second : undefined
  try {
    const callbacks = words.filter((word) => typeof word === 'function') as (() => void)[]
    socket.connect({ ...(options ?? { port, host }), lookup } as never, callbacks[0])
    return { host: asked, isCalled: socket.listenerCount('connect') > 0 }
  } catch {
    return 'refused'
  } finally {
    socket.destroy()
  }
}

function ourTarget(words: unknown[]): unknown {
  try {
    const { target, callback } = connectArguments(words)
    return { host: (target as { address: string }).address, isCalled: callback !== null }
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return 'refused'
  }
}

describe('hosts and callbacks', () => {
  test.each([
    [[80]],
    [['80']],
    [[80, callback]],
    [[80, 'a.example']],
    [[80, 'a.example', callback]],
    [[80, undefined, callback]],
    [[80, null, callback]],
    [[80, '', callback]],
    [[{ port: 80 }]],
    [[{ port: 80 }, callback]],
    [[{ port: '80', host: 'a.example' }, callback]],
    [[{ port: 80, host: undefined }]],
    [[{ port: 80, host: null }]],
    [[{ port: 80, host: '' }]],
    [[{ port: 80, host: 'a.example', path: '' }]],
    [[{ port: 80, path: null }, callback]],
    [[{}]],
    [[{ host: 'a.example' }]],
    [[null]],
    [[undefined]],
    [[callback]],
  ])('%j', (words) => {
    expect(ourTarget(words)).toEqual(nodeTarget(words))
  })
})

describe('ports', () => {
  test.each([
    ...[1, 65_535, 65_536, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32 + 80],
    ...['1', '65535', '65536', '-1', '1.5', '', ' ', ' 80 ', '0x50', '8e1', '+80', '0b1', 'http', '80x'],
    ...[true, false, null, undefined, 80n, [80], ['80'], {}, new Number(80), new String('80'), Symbol('80')],
  ])('%o', (port) => {
    const words = [{ port, host: 'a.example' }]
    expect(ourTarget(words)).toEqual(nodeTarget(words))
  })

  test('0, which Node would try, is nobody', () => {
    expect(ourTarget([0])).toBe('refused')
    expect(() => connectArguments([0])).toThrow('port: expected 1 to 65535, got 0')
  })

  test('text is given on as a number', () => {
    expect(connectArguments([' 0x50 ']).target).toMatchObject({ port: 80 })
  })
})

test('what else is given goes to the connection', () => {
  const options = { port: 80, localAddress: '10.0.0.2', localPort: 5000, noDelay: true, keepAlive: true }
  const { target, options: given } = connectArguments([options, callback])
  expect(target).toEqual({ address: 'localhost', port: 80, localAddress: '10.0.0.2', localPort: 5000, noDelay: true })
  expect(given).toBe(options)
})

test('a path is none of ours', () => {
  expect(() => connectArguments([{ path: '/run/socket' }])).toThrow(SystemError)
  expect(() => connectArguments([{ path: '/run/socket' }])).toThrow(expect.objectContaining({ code: 'ENOTSUP' }))
})
