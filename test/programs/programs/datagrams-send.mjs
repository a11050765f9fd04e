// Sends over UDP, unicast, broadcast and multicast of both families, and tells the answers.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

const [, , own, own6, peer, peer6] = process.argv

for (const [type, local, targets] of [
  ['udp4', own, [peer, '10.0.0.255', '239.1.2.3']],
  ['udp6', own6, [peer6, 'ff15::123']],
]) {
  const socket = createSocket(type)
  socket.bind(0)
  await once(socket, 'listening')
  if (type === 'udp4') socket.setBroadcast(true)
  socket.setMulticastTTL(3)
  socket.setMulticastInterface(type === 'udp4' ? local : (process.env.ZONE ?? local))
  for (const target of targets) {
    const answer = once(socket, 'message')
    socket.send(`hello ${target}`, 8000, target)
    const [data, { address }] = await answer
    console.log(`${data} by ${address.replace(/%.*/, '')}`)
  }
  const answer = once(socket, 'message')
  socket.send(Buffer.alloc(60_000), 8000, targets[0])
  console.log(String((await answer)[0]))
  socket.close()
}
// One that is connected, to nobody.
const lonely = createSocket('udp4')
lonely.connect(9, peer)
await once(lonely, 'connect')
lonely.send('anybody?')
console.log(await once(lonely, 'error').then(([error]) => error.code))
lonely.close()
