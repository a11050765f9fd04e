// On the kernel's stack: HTTP on port 8080, WebSockets on port 8081.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

createServer((request, response) => {
  response.write(`${request.method} ${request.url} `)
  request.pipe(response)
}).listen(8080, () => console.log('listening'))
new WebSocketServer({ port: 8081 }).on('connection', (socket) => {
  socket.on('message', (data) => socket.send(`kernel says ${data}`))
})
