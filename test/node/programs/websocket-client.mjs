// On the kernel's stack: says hello to a WebSocket server.
import { once } from 'node:events'
import { WebSocket } from 'ws'

const socket = new WebSocket(process.argv[2])
await once(socket, 'open')
socket.send('hello')
console.log(String((await once(socket, 'message'))[0]))
socket.close()
