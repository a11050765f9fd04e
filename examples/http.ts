// A web server: Node's own `http` over flows.
//
//   tapstack run examples/http.ts
//   tapstack run examples/http.ts --net socket --port 8080
import { createServer } from 'node:http'
import { unikernel } from 'tapstack'

function page(name: string, served: string, client: string, stack: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${name}</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem }
  dt { color: #666 } dd { margin: 0 0 .8rem; font-family: ui-monospace, monospace }
</style>
<h1>Hello from ${name}</h1>
<p>This page was served by ${stack}.</p>
<dl>
  <dt>Served from</dt><dd>${served}</dd>
  <dt>To</dt><dd>${client}</dd>
</dl>
</html>
`
}

export default unikernel({
  name: 'http',
  description: 'serves one page over HTTP that says where it comes from',
  arguments: {
    port: { type: 'port', minimum: 1, default: 80, doc: 'where to listen' },
  },
  async start({ stack, arguments: { port }, log, signal, name }) {
    const kind =
      stack.kind === 'direct'
        ? 'a TCP/IP stack inside a Node.js process (--net direct)'
        : "the operating system's sockets (--net socket)"
    const server = createServer((request, response) => {
      const { localAddress = '', localPort, remoteAddress = '', remotePort } = request.socket
      const body = page(name, `${localAddress} port ${localPort}`, `${remoteAddress} port ${remotePort}`, kind)
      response.setHeader('Content-Type', 'text/html; charset=utf-8')
      response.end(request.method === 'HEAD' ? undefined : body)
    })
    // From here on the server keeps track of its connections: time limits for slow clients, and which ones are idle.
    server.emit('listening')
    signal.addEventListener('abort', () => server.closeIdleConnections())

    await stack.listen({ port }, (flow) => server.emit('connection', flow.toDuplex()))
    log.info('listening on TCP', { port })
  },
})
