// The echo protocol, RFC 862: whatever arrives goes back, over TCP and UDP.
//
//   tapstack run examples/echo.ts
//   tapstack run examples/echo.ts --net socket --port 7007
import { unikernel } from 'tapstack'

/** Two such services that are made to talk to each other would never stop; they live below this port. */
const FIRST_ORDINARY_PORT = 1024

export default unikernel({
  name: 'echo',
  description: 'sends back whatever it receives, over TCP and UDP (RFC 862)',
  arguments: {
    port: { type: 'port', minimum: 1, default: 7, doc: 'where to listen, TCP and UDP' },
  },
  async start({ stack, arguments: { port }, log }) {
    await stack.listen({ port }, async (flow) => {
      // Waiting for each write is what makes it stop reading when the client does not take its echo.
      for await (const data of flow) await flow.write(data)
      await flow.close()
    })
    const udp = await stack.udp({ port })
    udp.onDatagram((data, from) => {
      if (from.port >= FIRST_ORDINARY_PORT) udp.send(data, from)
    })
    log.info('listening on TCP and UDP', { port })
  },
})
