/**
 * A stack on tap0 that does what each line of its input says (JavaScript, with `stack` and `dns`) and prints the result as
 * JSON. Its options are its argument, as JSON.
 */
import { createInterface } from 'node:readline'
import { createStack } from '../../../src/stack/index.ts'

const stack = await createStack({ interface: 'tap0', ...JSON.parse(process.argv[2]) })
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const act = new Function('stack', 'dns', `return (async () => (${line}))()`)
  const began = performance.now()
  const result = await act(stack, stack.dns).then(
    (value: unknown) => ({ value }),
    (error: NodeJS.ErrnoException) => ({ code: error.code ?? error.message }),
  )
  console.log(JSON.stringify({ line, ...result, took: Math.round(performance.now() - began) }))
}
await stack.close(0)
