/**
 * Echoes datagrams on UDP port 7 and, on command, asks another host. Arguments: `direct` or `socket`, and for a direct
 * stack its address. Commands on standard input: `ping ADDRESS SIZE` and `udp ADDRESS SIZE`.
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { createStack } from '../../../src/stack/index.ts'

const [kind, cidr] = process.argv.slice(2)
const stack =
  kind === 'socket' ? await createStack({ net: 'socket' }) : await createStack({ interface: 'tap0', ipv4: cidr })
const echo = await stack.udp({ port: 7 })
echo.onDatagram((data, from) => echo.send(data, from))
const pattern = (size: number) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * 7 + (i >> 8)))

async function ask(address: string, size: number): Promise<string> {
  const client = await stack.udp()
  const sent = pattern(size)
  const answer = await new Promise<Buffer | null>((resolve) => {
    const timer = setTimeout(() => resolve(null), 5000)
    client.onDatagram((data) => {
      clearTimeout(timer)
      resolve(Buffer.from(data))
    })
    client.send(sent, { address, port: 7 })
  })
  await client.close()
  if (answer === null) return 'no answer'
  return answer.equals(sent) ? `${answer.length} the same` : `${answer.length} different`
}

console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [command, address, size] = line.split(' ')
  try {
    if (command === 'udp') console.log(`udp ${await ask(address, Number(size))}`)
    else console.log(`ping ${(await stack.ping(address, { size: Number(size) })).size}`)
  } catch (error) {
    console.log(`${command} ${error}`)
  }
}
await stack.close()
