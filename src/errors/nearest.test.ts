import { expect, test } from 'vitest'
import { guessOf, nearestTo } from './nearest.ts'

const COMMANDS = ['run', 'exec', 'sandbox', 'ping', 'traceroute', 'dhcp', 'describe', 'completion', 'doctor', 'demo']

test.each([
  ['rnu', 'run'],
  ['Run', 'run'],
  ['pign', 'ping'],
  ['traceroot', 'traceroute'],
  ['descibe', 'describe'],
  ['compl', 'completion'],
  ['d', null],
  ['de', null],
  ['walk', null],
  ['', null],
])('for the command %s: %s', (written, guess) => {
  expect(guessOf(written, COMMANDS)).toBe(guess === null ? '' : `; did you mean ${guess}?`)
})

test('another word of the same length is none that was meant', () => {
  expect(guessOf('png', ['tree', 'mermaid', 'dot', 'svg'])).toBe('')
  expect(guessOf('fish', ['bash', 'zsh'])).toBe('')
})

test('names of options may be written in another way, or a part of one', () => {
  const options = ['ipv4', 'ipv4-gateway', 'accept-router-advertisements']
  expect(nearestTo('ipv4_gateway', options)).toBe('ipv4-gateway')
  expect(nearestTo('gateway', options)).toBe('ipv4-gateway')
  expect(nearestTo('--ipv5', options)).toBe('ipv4')
  expect(nearestTo('port', options)).toBe(null)
})

test('what has no letter in common is not suggested', () => {
  expect(nearestTo('x', ['n', 'on'])).toBeNull()
  expect(nearestTo('', ['n'])).toBeNull()
  expect(nearestTo('prot', ['n', 'port'])).toBe('port')
})
