// A hundred connections of the kernel's: fifty that end and fifty that do not. Tells when all of them have begun to receive, and
// what became of them.
import { connect } from 'node:net'

const [host] = process.argv.slice(2)
let begun = 0
const endings = await Promise.all(
  Array.from({ length: 100 }, (_, i) => {
    const wanted = i % 2 === 0 ? 'short' : 'endless'
    return new Promise((resolve) => {
      let length = 0
      const socket = connect({ host, port: 80 }, () => socket.write(wanted))
      socket.on('data', (data) => {
        if (length === 0 && ++begun === 100) console.log('all have begun')
        length += data.length
      })
      socket.on('end', () => resolve(`${wanted}: ${length} bytes`))
      socket.on('error', (error) => resolve(`${wanted}: ${error.code}`))
    })
  }),
)
const counts = {}
for (const ending of endings) counts[ending] = (counts[ending] ?? 0) + 1
console.log(JSON.stringify(counts))
