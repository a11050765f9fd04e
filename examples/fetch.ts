// `fetch` over connections of the stack, with `undici`, of which the `fetch` in Node is made.
//
//   npm install undici
//   tapstack run examples/fetch.ts --url http://10.0.0.1:8000/
//   tapstack run examples/fetch.ts --url https://example.com/ --ipv4 10.0.0.2/24 --ipv4-gateway 10.0.0.1 --dns-servers 10.0.0.1
//
// For a program that calls the global `fetch` nothing has to be changed: tapstack exec -- node program.js
import { once } from 'node:events'
import { isIP } from 'node:net'
import { unikernel } from 'tapstack'
import { Agent, fetch } from 'undici'

export default unikernel({
  name: 'fetch',
  description: 'gets a resource over HTTP or HTTPS, as curl does',
  arguments: {
    url: { type: 'string', required: true, doc: 'what to get' },
    method: { type: 'string', default: 'GET', doc: 'with which method' },
    data: { type: 'string', doc: 'what to send' },
    include: { type: 'boolean', short: 'i', doc: 'prints the head of the answer, too' },
  },
  async start({ stack, arguments: { url, method, data, include }, log, signal }) {
    // All that differs from a program on the operating system's sockets: who connects.
    const dispatcher = new Agent({
      connect({ hostname, port, protocol }, callback) {
        const isSecure = protocol === 'https:'
        const where = { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) || (isSecure ? 443 : 80) }
        const servername = isIP(where.host) ? {} : { servername: where.host }
        const socket = isSecure ? stack.tls.connect({ ...where, ...servername }) : stack.net.connect(where)
        once(socket, isSecure ? 'secureConnect' : 'connect', { signal }).then(
          () => callback(null, socket),
          (error) => {
            socket.destroy()
            callback(error, null)
          },
        )
      },
    })
    try {
      const response = await fetch(url, { dispatcher, method, body: data, signal })
      if (include) {
        console.log(`${response.status} ${response.statusText}`)
        for (const [name, value] of response.headers) console.log(`${name}: ${value}`)
        console.log()
      }
      if (response.body !== null) {
        // As fast as it is taken, and no faster.
        for await (const part of response.body) if (!process.stdout.write(part)) await once(process.stdout, 'drain')
      }
      return response.ok ? 0 : 1
    } catch (error) {
      const { message, cause } = error as Error
      log.error(message, { url, reason: cause instanceof Error ? cause.message : undefined })
      return 1
    } finally {
      await dispatcher.destroy()
    }
  },
})
