/** Programs that end by themselves, or do not, depending on what of theirs holds the process; and how they end. */
export const LIFETIMES: Record<string, { program: string; goesOn: boolean }> = {
  'nothing is open': { goesOn: false, program: `console.log('end of the file')` },
  'a server that is closed': {
    goesOn: false,
    program: `
    const server = net.createServer().listen(0, '127.0.0.1', () => server.close(() => console.log('closed')))`,
  },
  'a server that is unreferenced': { goesOn: false, program: `net.createServer().listen(0, '127.0.0.1').unref()` },
  'a server that goes on': {
    goesOn: true,
    program: `net.createServer().listen(0, '127.0.0.1'); console.log('listening')`,
  },
  'a server that is referenced again': {
    goesOn: true,
    program: `net.createServer().unref().ref().listen(0, '127.0.0.1')`,
  },
  'connections that end': {
    goesOn: false,
    program: `
    const server = net.createServer((socket) => socket.end('bye')).listen(0, '127.0.0.1', () => {
      net.connect(server.address().port, '127.0.0.1').resume().on('close', () => {
        console.log('closed')
        server.close()
      })
    })`,
  },
  'a connection that is open': {
    goesOn: true,
    program: `
    const server = net.createServer((socket) => socket.unref()).listen(0, '127.0.0.1', () => {
      net.connect(server.address().port, '127.0.0.1', () => {
        console.log('connected')
        server.close()
      })
    })`,
  },
  'unreferenced connections': {
    goesOn: false,
    program: `
    const server = net.createServer((socket) => socket.unref()).listen(0, '127.0.0.1', () => {
      const client = net.connect(server.address().port, '127.0.0.1', () => {
        client.unref()
        server.unref()
        console.log('connected')
      })
    })`,
  },
  'paused connections': {
    goesOn: false,
    program: `
    const server = net.createServer({ pauseOnConnect: true }, (socket) => {}).listen(0, '127.0.0.1', () => {
      const client = net.connect(server.address().port, '127.0.0.1', () => {
        client.unref()
        server.close()
        console.log('connected')
      })
    })`,
  },
  'a datagram socket': {
    goesOn: true,
    program: `dgram.createSocket('udp4').bind(0, '127.0.0.1', () => console.log('bound'))`,
  },
  'an unreferenced datagram socket': {
    goesOn: false,
    program: `
    const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1', () => {
      socket.unref()
      console.log('bound')
    })`,
  },
  'a request that is refused': {
    goesOn: false,
    program: `
    http.get({ host: '127.0.0.1', port: 1 }).on('error', (error) => console.log(error.code))`,
  },
  'keep-alive of an agent': {
    goesOn: false,
    program: `
    const agent = new http.Agent({ keepAlive: true })
    const server = http.createServer((request, response) => response.end('x')).listen(0, '127.0.0.1', () => {
      http.get({ host: '127.0.0.1', port: server.address().port, agent }, (response) => {
        response.resume().on('end', () => {
          console.log('end')
          server.close()
        })
      })
    })`,
  },
  'an exit code': { goesOn: false, program: `process.exitCode = 7; console.log('seven')` },
  'an exit in the middle': {
    goesOn: false,
    program: `
    net.createServer().listen(0, '127.0.0.1', () => {
      console.log('listening')
      process.exit(3)
    })`,
  },
  'an error that nobody handles': { goesOn: false, program: `net.connect(1, '127.0.0.1')` },
  'beforeExit and exit': {
    goesOn: false,
    program: `
    process.on('beforeExit', () => console.log('beforeExit'))
    process.on('exit', (code) => console.log('exit', code))
    const server = net.createServer().listen(0, '127.0.0.1', () => server.close())`,
  },
  'listeners of the process': {
    goesOn: false,
    program: `
    // With any --import Node has one of its own.
    const isOthers = ({ name }) => name !== 'handleProcessExit'
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'beforeExit', 'exit']) {
      console.log(name, process.listeners(name).filter(isOthers))
    }`,
  },
  'a signal that whoever listens last deals with': {
    goesOn: false,
    program: `
    const last = () => {
      console.log('others', process.listeners('SIGINT').length - 1)
      if (process.listeners('SIGINT').length > 1) return
      process.off('SIGINT', last)
      process.kill(process.pid, 'SIGINT')
    }
    process.on('SIGINT', last)
    net.createServer().listen(0, '127.0.0.1', () => process.kill(process.pid, 'SIGINT'))`,
  },
  'a signal that nobody deals with any more': {
    goesOn: false,
    program: `
    const deal = () => console.log('dealt with')
    process.on('SIGTERM', deal).off('SIGTERM', deal).on('SIGTERM', deal).removeAllListeners('SIGTERM')
    net.createServer().listen(0, '127.0.0.1', () => process.kill(process.pid, 'SIGTERM'))`,
  },
  'a signal that is dealt with once': {
    goesOn: false,
    program: `
    const server = net.createServer().listen(0, '127.0.0.1', () => process.kill(process.pid, 'SIGTERM'))
    process.once('SIGTERM', (name, number) => {
      console.log(name, number)
      setTimeout(() => process.kill(process.pid, 'SIGTERM'), 20)
    })`,
  },
  'a signal that the program tells itself of': {
    goesOn: false,
    program: `console.log(process.emit('SIGINT'), process.emit('beforeSomething'))`,
  },
  'nothing is told after the end': {
    goesOn: false,
    program: `
    const tell = (who, socket) => {
      for (const event of ['end', 'close', 'error']) socket.on(event, () => console.log(who, event))
      socket.resume().unref()
    }
    process.on('beforeExit', () => console.log('beforeExit'))
    const server = net.createServer((socket) => tell('server', socket)).listen(0, '127.0.0.1', () => {
      server.unref()
      const client = net.connect(server.address().port, '127.0.0.1', () => client.write('x', () => tell('client', client)))
    })`,
  },
  'more to do at the end': {
    goesOn: false,
    program: `
    let times = 0
    const server = net.createServer((socket) => socket.unref()).listen(0, '127.0.0.1', () => {
      server.unref()
      const first = net.connect(server.address().port, '127.0.0.1', () => first.unref())
    })
    process.on('beforeExit', () => {
      console.log('beforeExit', ++times)
      if (times > 3) return
      if (times > 2) {
        const last = net.createServer().listen(0, '127.0.0.1', () => last.close(() => console.log('closed')))
        return
      }
      setTimeout(() => {
        const next = net.connect(server.address().port, '127.0.0.1', () => next.unref())
        next.on('connect', () => console.log('connected'))
      }, 20)
    })`,
  },
  'datagram sockets of a class and of a function that are derived from it': {
    program: `
      class Own extends dgram.Socket {}
      function Old() { dgram.Socket.call(this, 'udp4') }
      require('node:util').inherits(Old, dgram.Socket)
      const [own, old] = [new Own('udp4'), new Old()]
      own.bind(0, '127.0.0.1', () => old.send('hello', own.address().port, '127.0.0.1'))
      own.on('message', (message) => {
        const plain = dgram.createSocket('udp4')
        console.log(String(message), [own, old, plain].map((each) => [each instanceof dgram.Socket, each.constructor.name]))
        console.log(plain.constructor === dgram.Socket, plain instanceof Own)
        for (const each of [own, old, plain]) each.close()
      })`,
    goesOn: false,
  },
}
