// Port 80 sends for about half a second, and then closes for who asks for "short", and never for who asks for "endless": to
// them nothing is sent any more when the reset is due, because libuv, the client's, takes data and a reset that it finds in
// one pass for an ordinary end. A connection to port 81 makes it fail; to port 82 ends it with exit code 9.
import { unikernel } from 'tapstack'

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

export default unikernel({
  name: 'service',
  async start({ stack, lifecycle }) {
    const turns = { begun: 0, ended: 0 }
    lifecycle.onEnterIteration(() => turns.begun++)
    lifecycle.onExitIteration(() => turns.ended++)
    const areCounted = () => turns.begun > 10 && Math.abs(turns.begun - turns.ended) <= 1
    lifecycle.onSuspend(() => console.log('told to suspend'))
    lifecycle.onResume(() => console.log('told to resume'))
    lifecycle.onExit(() =>
      pause(10).then(() => console.log(`told to exit, turns ${areCounted() ? 'are counted' : JSON.stringify(turns)}`)),
    )
    await stack.listen({ port: 80 }, async (flow) => {
      const wanted = String(await flow.read())
      for (let i = 0; i < 20; i++) {
        await flow.write(Buffer.alloc(5_000))
        await pause(25)
      }
      if (wanted === 'endless') await flow.closed
      else await flow.close()
    })
    await stack.listen({ port: 81 }, () => {
      setTimeout(() => {
        throw new Error('not what was expected')
      })
    })
    await stack.listen({ port: 82 }, () => lifecycle.shutdown(9))
    const { packets, heapUsed } = lifecycle.memory()
    lifecycle.trim()
    console.log(
      `ready, ${packets.length} stacks, ${packets[0].slots > packets[0].inUse && heapUsed > 1e6 ? 'memory' : 'none'}`,
    )
  },
})
