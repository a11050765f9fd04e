// Serves echo, and asks the echo service of its neighbour: at once with --ask, otherwise the first time that the neighbour has asked.
import { unikernel } from 'tapstack'

const PORT = 7

export default unikernel({
  name: 'neighbour',
  arguments: { ask: { type: 'address', doc: 'whom to ask at once' } },
  async start({ stack, arguments: { ask } }) {
    let asked = ask !== undefined
    const question = async (address) => {
      const flow = await stack.connect({ address, port: PORT })
      await flow.write('are you there?')
      await flow.shutdown('write')
      let answer = ''
      for await (const data of flow) answer += Buffer.from(data).toString()
      console.log(`${address} answers: ${answer}`)
      await flow.close()
    }
    await stack.listen({ port: PORT }, async (flow) => {
      for await (const data of flow) await flow.write(data)
      await flow.close()
      if (asked) return
      asked = true
      await question(flow.remote.address)
    })
    console.log('listening')
    if (ask !== undefined) await question(ask)
  },
})
