/**
 * Name servers that mean no good, on an address of the kernel: port 5300 sends forgeries before the true answer, in part from
 * another port; 5301 never answers; 5302 sends what is malformed, and then the truth.
 */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import packet from 'dns-packet'
import { answerBytes, type Decoded, record } from '../../support/dns-server.ts'

const address = process.argv[2]
const other = createSocket('udp4').bind(5399, address)

function serve(
  port: number,
  answers: (bytes: Buffer, query: Decoded) => Buffer[],
  elsewhere?: (query: Decoded) => Buffer,
): void {
  const socket = createSocket('udp4')
  socket.on('message', (bytes, from) => {
    const decoded = packet.decode(bytes) as Decoded
    const query = { id: decoded.id, ...decoded.questions[0] }
    if (elsewhere !== undefined) other.send(elsewhere(query), from.port, from.address)
    // After what comes from elsewhere.
    setTimeout(() => {
      for (const answer of answers(bytes, query)) socket.send(answer, from.port, from.address)
    }, 5)
  })
  socket.bind(port, address)
}

const truth = (query: Decoded) => answerBytes(query, { answers: [record('A', query.name, '10.0.0.80')] })
const forged = (query: Decoded) => answerBytes(query, { answers: [record('A', query.name, '6.6.6.6')] })

serve(
  5300,
  (bytes, query) => [
    forged({ ...query, id: query.id ^ 0x1234 }),
    forged({ ...query, name: 'bank.test' }),
    forged({ ...query, type: 'AAAA' }),
    bytes,
    truth(query),
  ],
  forged,
)
serve(5301, () => [])
serve(5302, (_bytes, query) => {
  const good = forged(query)
  const question = answerBytes(query).length
  const loop = Buffer.from(good)
  // The owner of the first record points at itself.
  loop.writeUInt16BE(0xc000 | question, question)
  return [
    good.subarray(0, good.length - 2),
    loop,
    Buffer.concat([good.subarray(0, 12), Buffer.alloc(20, 0xff)]),
    truth(query),
  ]
})
// Takes connections, and says nothing.
createServer(() => {}).listen(5301, address)
console.log('ready')
