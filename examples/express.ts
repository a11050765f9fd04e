// Express, as it is: a small list of notes, on a web server of the stack.
//
//   npm install express
//   tapstack run examples/express.ts
//   curl http://10.0.0.2/notes
//   curl -H 'Content-Type: application/json' -d '{"text":"buy bread"}' http://10.0.0.2/notes
//   curl -X DELETE http://10.0.0.2/notes/1
import { once } from 'node:events'
import express, { type NextFunction, type Request, type Response } from 'express'
import { unikernel } from 'tapstack'

interface Note {
  readonly id: number
  readonly text: string
  readonly from: string | undefined
}

/** How many notes there may be, and how long. */
const MOST_NOTES = 1000
const LONGEST_TEXT = 1000

export default unikernel({
  name: 'express',
  description: 'keeps notes, as JSON over HTTP, with Express',
  arguments: {
    port: { type: 'port', minimum: 1, default: 80, doc: 'where to listen' },
  },
  async start({ stack, arguments: { port }, log, signal }) {
    const notes = new Map<number, Note>()
    let lastId = 0
    const app = express()
    app.use(express.json())

    app.get('/', (_request, response) => {
      response.type('text').send('GET /notes, POST /notes {"text": ...}, DELETE /notes/:id\n')
    })
    app.get('/notes', (_request, response) => {
      response.json([...notes.values()])
    })
    app.post('/notes', (request, response) => {
      const text: unknown = request.body?.text
      if (typeof text !== 'string' || text.length > LONGEST_TEXT) {
        response.status(400).json({ error: `expected {"text": "..."} of up to ${LONGEST_TEXT} characters` })
      } else if (notes.size === MOST_NOTES) {
        response.status(507).json({ error: `there are ${MOST_NOTES} notes already` })
      } else {
        const note = { id: ++lastId, text, from: request.ip }
        notes.set(note.id, note)
        response.status(201).location(`/notes/${note.id}`).json(note)
      }
    })
    app.delete('/notes/:id', (request, response) => {
      response.sendStatus(notes.delete(Number(request.params.id)) ? 204 : 404)
    })

    // Express knows by its four arguments that it is for what goes wrong, such as a request that is no JSON.
    app.use((error: Error & { status?: number }, _request: Request, response: Response, _next: NextFunction) => {
      response.status(error.status ?? 500).json({ error: error.message })
    })

    // All that differs from a program on the operating system's sockets.
    const server = stack.http.createServer(app).listen(port)
    await once(server, 'listening')
    log.info('listening on TCP', { port })
    signal.addEventListener('abort', () => server.close())
  },
})
