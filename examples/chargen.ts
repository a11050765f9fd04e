// The character generator protocol, RFC 864: an endless pattern over TCP, one line of it for each UDP datagram.
//
//   tapstack run examples/chargen.ts
//   tapstack run examples/chargen.ts --net socket --port 1919
import { unikernel } from 'tapstack'

/** The 95 printing ASCII characters, from the space on. */
const CHARACTERS = 95
const FIRST_CHARACTER = 32
/** 72 characters and CR LF in each line; each line begins one character later than the one before. */
const CHARACTERS_IN_LINE = 72

function line(start: number): string {
  let text = ''
  for (let i = 0; i < CHARACTERS_IN_LINE; i++) {
    text += String.fromCharCode(FIRST_CHARACTER + ((start + i) % CHARACTERS))
  }
  return `${text}\r\n`
}

/** The whole pattern, after which it begins again, several times over: one write is then worth its while. */
const PATTERN = Buffer.from(
  Array.from({ length: CHARACTERS }, (_, start) => line(start))
    .join('')
    .repeat(9),
)

/** RFC 864: a datagram of 0 to 512 characters answers each one. */
const LONGEST_DATAGRAM = 512
/** Two such services that are made to talk to each other would never stop; they live below this port. */
const FIRST_ORDINARY_PORT = 1024

export default unikernel({
  name: 'chargen',
  description: 'sends an endless pattern of characters, over TCP and UDP (RFC 864)',
  arguments: {
    port: { type: 'port', minimum: 1, default: 19, doc: 'where to listen, TCP and UDP' },
  },
  async start({ stack, arguments: { port }, log, signal }) {
    await stack.listen({ port }, async (flow) => {
      // RFC 864: what the client sends is thrown away.
      flow.onData(() => {})
      while (!signal.aborted) await flow.write(PATTERN)
      await flow.close()
    })
    const udp = await stack.udp({ port })
    udp.onDatagram((_data, from) => {
      if (from.port < FIRST_ORDINARY_PORT) return
      udp.send(PATTERN.subarray(0, Math.floor(Math.random() * (LONGEST_DATAGRAM + 1))), from)
    })
    log.info('listening on TCP and UDP', { port })
  },
})
