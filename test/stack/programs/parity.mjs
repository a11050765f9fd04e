// What an application sees of its network, told to whoever asks: the same lines on every stack, or an error that says why not.
import { unikernel } from 'tapstack'

const GROUPS = ['239.192.7.7', 'ff05::777']
const STRANGERS = ['192.0.2.1', '2001:db8::1']

export default unikernel({
  name: 'parity',
  async start({ stack, signal }) {
    const all = await stack.udp({ port: 7 })
    const own = stack.addresses.map(({ address }) => `${address}`)
    const mine = [own.find((each) => each.startsWith('10.')), own.find((each) => each.startsWith('fd'))]
    for (const [index, group] of GROUPS.entries()) {
      all.setMulticastInterface(mine[index])
      all.joinGroup(group)
    }
    all.setHopLimit(7)
    all.setMulticastHopLimit(3)
    const questions = {
      // Where did I send this to?
      to: (_from, to) => to,
      // Which hop limit do datagrams to groups have?
      group() {
        for (const address of GROUPS) all.send('to the group', { address, port: 9 })
        return 'sent'
      },
      strangers() {
        for (const [index, group] of GROUPS.entries()) all.setSourceFilter(group, { sources: [STRANGERS[index]] })
        return 'only strangers are heard'
      },
      everybody() {
        for (const group of GROUPS) {
          all.leaveGroup(group)
          all.joinGroup(group)
        }
        return 'everybody is heard'
      },
      async ping({ address }) {
        const reply = await stack.ping(address, { size: 100 })
        return `${reply.address} ${reply.size}`
      },
      connections: () =>
        new Promise((resolve, reject) =>
          server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
        ),
    }
    all.onDatagram(async (data, from, to) => {
      const question = Buffer.from(data).toString()
      const answer = await Promise.resolve(questions[question](from, to)).catch(
        (error) => `${error.name} ${error.code}`,
      )
      all.send(`${question}: ${answer}`, from)
    })

    for (const address of mine) {
      const port = 80
      await stack.listen({ port, address }, async (flow) => {
        await flow.write(`${flow.local.address} ${flow.local.port} to ${flow.remote.address}`)
        await flow.close()
      })
    }
    const server = stack.net.createServer((socket) => {
      socket.on('error', () => {})
      socket.write(`${socket.localAddress} ${socket.localFamily} ${socket.remoteAddress} ${socket.remoteFamily}`)
    })
    await new Promise((resolve) => server.listen(8080, resolve))
    const refused = async (what, promise) =>
      console.log(
        `${what}: ${await promise.then(
          () => 'no error',
          (error) => error.code,
        )}`,
      )
    await refused(
      'listen on an address that is not ours',
      stack.listen({ port: 81, address: '10.0.0.77' }, () => {}),
    )
    await refused(
      'listen again',
      stack.listen({ port: 80, address: mine[0] }, () => {}),
    )
    await refused('bind again', stack.udp({ port: 7 }))
    await refused('connect to a closed port', stack.connect({ address: '10.0.0.1', port: 1, timeout: 5000 }))
    await refused('connect to a closed port over IPv6', stack.connect({ address: 'fd00::1', port: 1, timeout: 5000 }))
    console.log('ready')
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    server.close()
  },
})
