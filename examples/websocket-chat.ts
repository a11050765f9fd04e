// A chat room over WebSockets, with a page for the browser: the package `ws`, as it is, on a web server of the stack.
//
//   npm install ws
//   tapstack sandbox --publish 8080:80 -- tapstack run examples/websocket-chat.ts
//
// and then http://127.0.0.1:8080 in two windows. Programs talk to ws://10.0.0.2/chat?name=Ada.
import { once } from 'node:events'
import { unikernel } from 'tapstack'
import { type RawData, WebSocket, WebSocketServer } from 'ws'

/** What those who come later are told, and how much one may say at once, in bytes. */
const REMEMBERED = 20
const LONGEST_MESSAGE = 4096
/** Bytes that may wait for one who does not read, who is sent away then. */
const MOST_WAITING = 1024 * 1024
/** With which code a WebSocket is closed. */
const GOING_AWAY = 1001
const POLICY_VIOLATION = 1008

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Chat</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 2rem auto; padding: 0 1rem }
  input { font: inherit; width: 100%; box-sizing: border-box }
</style>
<h1>Chat</h1>
<div id="said"></div>
<form><input placeholder="say something" autofocus></form>
<script>
  const name = prompt('Your name?') || 'somebody'
  const socket = new WebSocket('ws://' + location.host + '/chat?name=' + encodeURIComponent(name))
  const show = (text) => said.append(Object.assign(document.createElement('div'), { textContent: text }))
  socket.onmessage = ({ data }) => show(data)
  socket.onclose = () => show('The connection has ended.')
  document.forms[0].onsubmit = (event) => {
    event.preventDefault()
    const [input] = event.target
    socket.send(input.value)
    input.value = ''
  }
</script>
</html>
`

export default unikernel({
  name: 'websocket-chat',
  description: 'a chat room over WebSockets, with a page for the browser',
  arguments: {
    port: { type: 'port', minimum: 1, default: 80, doc: 'where to listen' },
  },
  async start({ stack, arguments: { port }, log, signal }) {
    const server = stack.http.createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html; charset=utf-8').end(PAGE)
    })
    const room = new WebSocketServer({ server, path: '/chat', maxPayload: LONGEST_MESSAGE })
    const remembered: string[] = []

    function tellAll(text: string): void {
      remembered.push(text)
      if (remembered.length > REMEMBERED) remembered.shift()
      for (const each of room.clients) {
        if (each.readyState !== WebSocket.OPEN) continue
        if (each.bufferedAmount > MOST_WAITING) each.close(POLICY_VIOLATION, 'too slow')
        else each.send(text)
      }
    }

    room.on('connection', (socket, request) => {
      const name = new URL(request.url ?? '/', 'ws://here').searchParams.get('name')?.slice(0, 30) || 'somebody'
      for (const text of remembered) socket.send(text)
      tellAll(`${name} has come`)
      socket.on('message', (data: RawData) => tellAll(`${name}: ${data}`))
      socket.on('close', () => tellAll(`${name} has gone`))
      socket.on('error', (error) => log.debug('a connection failed', { name, reason: error.message }))
    })

    server.listen(port)
    await once(server, 'listening')
    log.info('listening on TCP', { port })
    signal.addEventListener('abort', () => {
      server.close()
      for (const each of room.clients) each.close(GOING_AWAY, 'the server ends')
    })
  },
})
