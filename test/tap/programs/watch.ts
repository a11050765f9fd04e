/**
 * Receives until its tap is gone, prints the error, and what the process spent in the half second after it. Argument:
 * interface. With "throw" as second argument its receiver fails on every frame, and it prints what it caught.
 */
import process from 'node:process'
import { Tap } from '../../../src/netif/index.ts'

const [name, mode] = process.argv.slice(2)
const tap = await Tap.open({ name })
let caught = 0
process.on('uncaughtException', (error) => {
  if (++caught === 5) {
    console.log(`caught ${error.message}`)
    tap.close().then(() => console.log(`in use ${tap.memory.inUse}`))
  }
})
tap.attach({
  frame: () => {
    if (mode === 'throw') throw new Error('from frame')
  },
  endOfBurst: () => {},
  closed: (error) => {
    const { code, syscall, message } = error as NodeJS.ErrnoException
    const start = process.cpuUsage()
    // Frames for a device that is gone are counted, no more.
    const packet = tap.memory.allocate(60)!
    packet.end += 60
    tap.transmit(packet)
    tap.flush()
    setTimeout(() => {
      const { user, system } = process.cpuUsage(start)
      const { transmitError } = tap.counters
      const inUse = tap.memory.inUse
      console.log(JSON.stringify({ code, syscall, message, cpu: user + system, transmitError, inUse }))
      tap.close()
    }, 500)
  },
})
console.log('ready')
