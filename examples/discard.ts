// The discard protocol, RFC 863: whatever arrives is thrown away, over TCP and UDP.
//
//   tapstack run examples/discard.ts
//   tapstack run examples/discard.ts --net socket --port 9009
import { unikernel } from 'tapstack'

export default unikernel({
  name: 'discard',
  description: 'throws away whatever it receives, over TCP and UDP (RFC 863)',
  arguments: {
    port: { type: 'port', minimum: 1, default: 9, doc: 'where to listen, TCP and UDP' },
  },
  async start({ stack, arguments: { port }, log }) {
    await stack.listen({ port }, (flow) => {
      // With a data handler nothing is copied out of packet memory.
      flow.onData(
        () => {},
        () => flow.close(),
      )
    })
    await stack.udp({ port })
    log.info('listening on TCP and UDP', { port })
  },
})
