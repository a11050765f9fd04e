import { expect, test } from 'vitest'
import { missing, ok, warning } from './check.ts'
import { formatChecks } from './report.ts'
import { rightsOf } from './rights.ts'
import { checkNode } from './software.ts'

test('what was found is wrapped at 80 columns; commands stay on one line', () => {
  const command = `sudo ${'x'.repeat(90)}`
  const text = formatChecks([
    ok('one', 'there'),
    warning('two', 'word '.repeat(30).trim(), command),
    missing('three', 'not there', `${'Sentence '.repeat(12).trim()}.`),
  ])
  expect(text).toBe(
    [
      'ok       one                 there',
      'warning  two                 word word word word word word word word word word',
      '                             word word word word word word word word word word',
      '                             word word word word word word word word word word',
      `         -> ${command}`,
      'missing  three               not there',
      '         -> Sentence Sentence Sentence Sentence Sentence Sentence Sentence',
      '            Sentence Sentence Sentence Sentence Sentence.',
    ].join('\n'),
  )
})

test.each([
  ['18.20.8', 'missing'],
  ['20.18.3', 'missing'],
  ['20.19.0', 'ok'],
  ['26.0.0', 'ok'],
])('Node.js %s: %s', (version, status) => {
  expect(checkNode(version).status).toBe(status)
})

test.each([
  ['0000000000000000', { netAdmin: false, netRaw: false }],
  ['0000000000001000', { netAdmin: true, netRaw: false }],
  ['00000000a80425fb', { netAdmin: false, netRaw: true }],
  ['000001ffffffffff', { netAdmin: true, netRaw: true }],
])('effective capabilities %s', (mask, expected) => {
  expect(rightsOf(`Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${mask}\n`)).toEqual(expected)
})
