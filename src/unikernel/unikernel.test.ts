import { expect, expectTypeOf, test } from 'vitest'
import { isUnikernel, unikernel } from './unikernel.ts'

const start = () => {}

test('what is declared is there, and recognised', () => {
  const made = unikernel({
    name: 'web-1',
    description: 'a test',
    arguments: { size: { type: 'integer', default: 3, doc: 'how many' } },
    start: ({ arguments: { size } }) => {
      expectTypeOf(size).toEqualTypeOf<number>()
    },
  })
  expect(made).toMatchObject({ name: 'web-1', description: 'a test', arguments: { size: { default: 3 } } })
  expect(isUnikernel(made)).toBe(true)
  expect(isUnikernel({ ...made })).toBe(true)
  for (const other of [null, undefined, {}, { name: 'x', start }, 'x']) expect(isUnikernel(other)).toBe(false)
})

test.each([
  ['a name with a space', { name: 'web server', start }, /name.*"web server"/],
  ['no name', { name: '', start }, /name/],
  ['a name left out', { start }, /name.*undefined/],
  ['no start', { name: 'x' }, /start.*function/],
  [
    'an argument of an unknown type',
    { name: 'x', arguments: { size: { type: 'int', doc: '' } }, start },
    /argument size.*"int"/,
  ],
  ['a name that is a flag', { name: 'x', arguments: { 'kebab-case': { type: 'port', doc: '' } }, start }, /camelCase/],
  ['a boot argument', { name: 'x', arguments: { ipv4: { type: 'address', doc: '' } }, start }, /ipv4.*taken/],
  [
    'a short name of a boot argument',
    { name: 'x', arguments: { level: { type: 'port', short: 'l', doc: '' } }, start },
    /-l.*taken/,
  ],
  [
    'a long short name',
    { name: 'x', arguments: { level: { type: 'port', short: 'lv', doc: '' } }, start },
    /one letter/,
  ],
  [
    'a default out of range',
    { name: 'x', arguments: { size: { type: 'integer', maximum: 3, default: 4, doc: '' } }, start },
    /size.*4.*3 or less/,
  ],
  [
    'a default for what is required',
    { name: 'x', arguments: { size: { type: 'integer', required: true, default: 4, doc: '' } }, start },
    /size.*required/,
  ],
] as const)('refused: %s', (_what, options, message) => {
  expect(() => unikernel(options as never)).toThrow(message)
})
