/**
 * Passes descriptors of attached taps to child processes that adopt them: one in this namespace, and one whose tap has
 * been moved to the namespace of another process. Prints both states. Arguments: name of the first tap, that process.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import process from 'node:process'
import { Tap } from '../../../src/netif/index.ts'

function descriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === '/dev/net/tun'
      } catch {
        return false
      }
    })
    .map(Number)
}

function adopted(fd: number): object {
  const args = ['--import', import.meta.resolve('tsx'), 'test/tap/programs/open.ts', '{"fd":3}']
  const child = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', fd], encoding: 'utf8' })
  return JSON.parse(child.stdout)
}

await using _first = await Tap.open({ name: process.argv[2] })
const [firstDescriptor] = descriptors()
await using second = await Tap.open()
const secondDescriptor = descriptors().find((fd) => fd !== firstDescriptor)!
execFileSync('ip', ['link', 'set', second.name, 'netns', process.argv[3]])
console.log(JSON.stringify({ here: adopted(firstDescriptor), there: adopted(secondDescriptor) }))
