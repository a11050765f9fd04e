/**
 * Opens a tap with the options given as JSON, prints as JSON what came of it, then does what each line of its input
 * says and prints the result: "close", "state", "address MAC", "mtu N", "up", "down", "send" (one frame).
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { MacAddress } from '../../../src/address/index.ts'
import { SystemError } from '../../../src/errors/index.ts'
import { Tap, type TapOptions } from '../../../src/netif/index.ts'

const { mac, ...options } = JSON.parse(process.argv[2]) as TapOptions & { mac?: never }

function state(tap: Tap): object {
  const { name, mtu, features, counters } = tap
  let kernelMac: string | null = null
  let isUp: boolean | null = null
  try {
    kernelMac = `${tap.kernelMac}`
    isUp = tap.isUp
  } catch {
    // A socket, or a tap in another namespace.
  }
  return { name, mac: `${tap.mac}`, kernelMac, mtu, isUp, features, counters }
}

function failure(error: unknown): object {
  if (error instanceof SystemError) {
    const { code, errno, syscall, hint, message } = error
    return { code, errno, syscall, hint, message }
  }
  return { message: (error as Error).message }
}

function send(tap: Tap): void {
  const packet = tap.memory.allocate(60)!
  packet.end += 60
  tap.memory.bytes.fill(0, packet.start, packet.end)
  tap.memory.bytes.fill(0xff, packet.start, packet.start + 6)
  tap.transmit(packet)
  tap.flush()
}

function obey(tap: Tap, [verb, value]: string[]): void {
  if (verb === 'close') tap.close()
  else if (verb === 'address') tap.setKernelMac(MacAddress.parse(value))
  else if (verb === 'mtu') tap.setMtu(Number(value))
  else if (verb === 'up' || verb === 'down') tap.setUp(verb === 'up')
  else if (verb === 'send') send(tap)
}

try {
  const tap = await Tap.open(mac === undefined ? options : { ...options, mac: MacAddress.parse(mac) })
  console.log(JSON.stringify(state(tap)))
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      obey(tap, line.split(' '))
      console.log(line === 'close' ? '{}' : JSON.stringify(state(tap)))
    } catch (error) {
      console.log(JSON.stringify(failure(error)))
    }
  }
} catch (error) {
  console.log(JSON.stringify(failure(error)))
}
