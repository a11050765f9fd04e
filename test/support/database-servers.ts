/** As much of the protocols of PostgreSQL and Redis as their clients ask for when they connect and ask one thing. */
import type { Duplex } from 'node:stream'

/** Answers each query with one row: the text of the query, in a column `answer`. */
export function answerPostgres(stream: Duplex): void {
  let waiting = Buffer.alloc(0)
  let isStarted = false
  stream.on('error', () => {})
  stream.on('end', () => stream.end())
  stream.on('data', (data: Buffer) => {
    waiting = Buffer.concat([waiting, data])
    for (;;) {
      // The first message has no type.
      const head = isStarted ? 1 : 0
      if (waiting.length < head + 4) return
      const length = head + waiting.readInt32BE(head)
      if (waiting.length < length) return
      const message = waiting.subarray(0, length)
      waiting = waiting.subarray(length)
      if (!isStarted) {
        isStarted = true
        stream.write(Buffer.concat([postgresMessage('R', int32(0)), postgresMessage('Z', Buffer.from('I'))]))
      } else if (message[0] === 0x51) {
        stream.write(rows(message.toString('utf8', 5, message.length - 1)))
      } else if (message[0] === 0x58) {
        stream.end()
      }
    }
  })
}

function rows(query: string): Buffer {
  const column = Buffer.concat([Buffer.from('answer\0'), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)])
  const value = Buffer.from(query)
  return Buffer.concat([
    postgresMessage('T', int16(1), column),
    postgresMessage('D', int16(1), int32(value.length), value),
    postgresMessage('C', Buffer.from('SELECT 1\0')),
    postgresMessage('Z', Buffer.from('I')),
  ])
}

function postgresMessage(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

/** Answers ECHO with its word and everything else with OK. */
export function answerRedis(stream: Duplex): void {
  let waiting = ''
  stream.on('error', () => {})
  stream.on('end', () => stream.end())
  stream.on('data', (data: Buffer) => {
    waiting += data.toString('latin1')
    for (;;) {
      const count = /^\*(\d+)\r\n/.exec(waiting)
      if (count === null) return
      const words: string[] = []
      let rest = waiting.slice(count[0].length)
      for (let i = 0; i < Number(count[1]); i++) {
        const head = /^\$(\d+)\r\n/.exec(rest)
        if (head === null) return
        const start = head[0].length
        const end = start + Number(head[1])
        if (rest.length < end + 2) return
        words.push(rest.slice(start, end))
        rest = rest.slice(end + 2)
      }
      waiting = rest
      stream.write(words[0].toLowerCase() === 'echo' ? `$${words[1].length}\r\n${words[1]}\r\n` : '+OK\r\n')
    }
  })
}
