/**
 * Asks for the IPv4 address of NAME.local over the kernel's UDP, as a simple resolver of multicast DNS does (RFC 6762, section
 * 5.1): from a port of its own. Prints what comes back. Arguments: NAME, and the address of the interface to ask on.
 */
import { createSocket } from 'node:dgram'
import process from 'node:process'

const [name, address] = process.argv.slice(2)
const socket = createSocket('udp4')
socket.on('message', (data, from) => {
  console.log(`${from.address}:${from.port} ${data.subarray(-4).join('.')} id ${data.readUInt16BE(0)}`)
})
const question = Buffer.concat([
  Buffer.of(0, 42, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, name.length),
  Buffer.from(`${name}\x05local\0\0\x01\0\x01`, 'latin1'),
])
socket.bind(0, () => {
  socket.setMulticastInterface(address)
  socket.send(question, 5353, '224.0.0.251')
})
