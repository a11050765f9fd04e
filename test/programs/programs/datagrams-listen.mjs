// Tells what it hears over UDP, unicast, broadcast and multicast of both families, and answers it.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

const [, , own, own6] = process.argv

const four = createSocket({ type: 'udp4', reuseAddr: true })
const six = createSocket({ type: 'udp6', reuseAddr: true, ipv6Only: true })
for (const [name, socket, address] of [
  ['four', four, '0.0.0.0'],
  ['six', six, '::'],
]) {
  socket.on('message', (data, { address, port, family, size }) => {
    console.log(`${name} heard ${size > 100 ? size : data} from ${address} ${family}`)
    socket.send(`you said ${size > 100 ? size : data}`, port, address)
  })
  socket.bind(8000, address)
  await once(socket, 'listening')
}
four.addMembership('239.1.2.3', own)
six.addMembership('ff15::123', own6)
console.log('ready')
