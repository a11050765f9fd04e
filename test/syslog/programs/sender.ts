/** Runs one application after the other with the command lines that standard input has, as lists in JSON, and logs a line in each. */
import { text } from 'node:stream/consumers'
import { run, unikernel } from '../../../src/index.ts'

const application = unikernel({
  name: 'sender',
  arguments: { way: { type: 'string', required: true, doc: 'what to say' } },
  async start({ log, arguments: { way } }) {
    log.warn('it is said', { way })
    log.info(`long: ${'x'.repeat(1_000)}`)
  },
})

for (const words of JSON.parse(await text(process.stdin)) as string[][]) {
  const code = await run(application, words, { stdout: { write: () => {} } })
  if (code !== 0) process.exit(code)
}
console.log('all are sent')
process.exit(0)
