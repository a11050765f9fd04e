/** A TCP echo service of the kernel's stack on port 7 of all addresses. */
import { createServer } from 'node:net'

createServer((socket) => {
  socket.on('error', () => {})
  socket.pipe(socket)
}).listen({ port: 7, host: '::' }, () => console.log('ready'))
