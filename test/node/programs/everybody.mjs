// Tells a neighbour in every way what it is told by it: node everybody.mjs THEIR-IPV4 THEIR-IPV6. Prints what it heard.
import dgram from 'node:dgram'

const [, , four, six] = process.argv
const PORT = 5000
const GROUP = '239.1.2.3'
const GROUP6 = 'ff05::114'
/** Milliseconds between two rounds; the neighbour may begin later. */
const ROUND = 50

const heard = new Map()
const finished = new Set()
const sockets = { udp4: dgram.createSocket('udp4'), udp6: dgram.createSocket({ type: 'udp6', ipv6Only: true }) }
for (const socket of Object.values(sockets)) {
  socket.on('message', (message, from) => {
    const text = message.toString()
    if (from.address !== four && from.address !== six) return
    if (text === 'finished') finished.add('theirs')
    else heard.set(text, from.address)
  })
}

sockets.udp4.bind(PORT, () => {
  sockets.udp4.setBroadcast(true)
  sockets.udp4.addMembership(GROUP)
  sockets.udp6.bind(PORT, () => {
    sockets.udp6.addMembership(GROUP6)
    console.log('ready')
    const timer = setInterval(() => {
      const ignore = () => {}
      sockets.udp4.send('host', PORT, four, ignore)
      sockets.udp4.send('group', PORT, GROUP, ignore)
      sockets.udp4.send('all', PORT, '10.0.0.255', ignore)
      sockets.udp6.send('host6', PORT, six, ignore)
      sockets.udp6.send('group6', PORT, GROUP6, ignore)
      if (heard.size < 5) return
      // Closed at once, a socket takes what it has still to send with it.
      const isLast = finished.has('ours') && finished.has('theirs')
      sockets.udp4.send('finished', PORT, four, ignore)
      finished.add('ours')
      if (!isLast) return
      clearInterval(timer)
      console.log(
        [...heard]
          .sort()
          .map((pair) => pair.join(' '))
          .join('\n'),
      )
      for (const socket of Object.values(sockets)) socket.close()
    }, ROUND)
  })
})
