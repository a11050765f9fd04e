import { isIPv4, isIPv6 } from 'node:net'
import { expect, test } from 'vitest'
import { guessOfBrackets } from './brackets.ts'

const isHost = (text: string) => isIPv4(text) || (text.startsWith('[') && isIPv6(text.slice(1, -1)))
/** `[udp://]HOST[:PORT]` */
const isServer = (text: string) => isHost(text.replace(/^udp:\/\//, '').replace(/:\d+$/, '')) || isHost(text)
/** `udp:HOST:PORT,local=HOST:PORT` */
const isCarrier = (text: string) => {
  const ends = /^udp:(.*):\d+,local=(.*):\d+$/.exec(text)?.slice(1)
  return ends?.every(isHost) === true
}
const isPrefix = (text: string) => /^fd00::2\/64$/.test(text)

test.each<[string, (text: string) => boolean, string]>([
  ['fd00::1:80', isServer, '[fd00::1]:80'],
  ['udp://fd00::1:514', isServer, 'udp://[fd00::1]:514'],
  // What is left without the last group would be no address.
  ['udp://fd00::1', isServer, 'udp://[fd00::1]'],
  ['udp://1:2:3:4:5:6:7:8', isServer, 'udp://[1:2:3:4:5:6:7:8]'],
  ['udp://1:2:3:4:5:6:7:8:514', isServer, 'udp://[1:2:3:4:5:6:7:8]:514'],
  ['udp:fd00::1:80,local=::1:90', isCarrier, 'udp:[fd00::1]:80,local=[::1]:90'],
  ['udp:[fd00::1]:80,local=::1:90', isCarrier, 'udp:[fd00::1]:80,local=[::1]:90'],
  ['udp:fd00::1:80,local=10.0.0.1:90', isCarrier, 'udp:[fd00::1]:80,local=10.0.0.1:90'],
  ['[fd00::2]/64', isPrefix, 'fd00::2/64'],
])('%s lacks brackets, or has too many', (text, isRight, guess) => {
  expect(isRight(text)).toBe(false)
  expect(guessOfBrackets(text, isRight)).toBe(`; did you mean ${guess}?`)
})

test.each(['', 'logs.example:514', 'abc:80', '10.0.0.1', 'fd00::g:80', '[[::1]]:x', ':::::::80'])(
  'of %j nothing is guessed',
  (text) => {
    expect(guessOfBrackets(text, isServer)).toBe('')
  },
)
