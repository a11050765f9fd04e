import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MacAddress } from '../../src/address/index.ts'
import { FileSink, PcapngWriter, readCapture } from '../../src/capture/index.ts'
import { requires } from '../requirements.ts'
import { between } from '../support/frames.ts'

const EPOCH = 1_577_836_800_000_000
const a = { mac: '02:00:00:00:00:01', address: '10.0.0.1' }
const b = { mac: '02:00:00:00:00:02', address: '10.0.0.2' }
const frames = [
  between(a, b).arpRequest(),
  between(b, a).arpReply(),
  between(a, b).tcp({ sourcePort: 4000, destinationPort: 80, flags: 'S', seq: 1, mss: 1460, windowScale: 7 }),
  between(b, a).udp({ sourcePort: 53, destinationPort: 4000 }, 'x'.repeat(1400)),
]

let directory: string
let written: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'real-tools-'))
  written = join(directory, 'written.pcapng')
  const writer = new PcapngWriter(new FileSink(written), { comment: 'made by a test' })
  const tap0 = writer.addInterface({ name: 'tap0', mac: MacAddress.parse(a.mac), epoch: EPOCH, description: 'ours' })
  const tap1 = writer.addInterface({ name: 'tap1', epoch: EPOCH })
  for (const [i, frame] of frames.entries()) {
    const outbound = i % 2 === 0
    const comment = i === 2 ? 'the first segment: grüße' : undefined
    writer.write(
      i < 3 ? tap0 : tap1,
      i * 1500 + 0.5,
      frame,
      0,
      frame.length,
      outbound ? 'outbound' : 'inbound',
      comment,
    )
  }
  await writer.close()
})

afterAll(() => rmSync(directory, { recursive: true }))

function run(command: string, ...args: string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8', cwd: directory })
  expect(result.status, `${command}: ${result.error ?? result.stderr}`).toBe(0)
  return result.stdout
}

test('tshark reads names, times, directions, comments and checksums of what we write', (context) => {
  requires(context, 'tshark')
  const fields = [
    'frame.interface_name',
    'frame.time_epoch',
    'frame.len',
    'frame.packet_flags_direction',
    'frame.comment',
  ]
  const protocols = ['eth.type', 'tcp.checksum.status', 'udp.checksum.status', 'ip.checksum.status']
  const options = ['tcp', 'udp', 'ip'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`])
  const columns = [...fields, ...protocols].flatMap((field) => ['-e', field])
  const lines = run('tshark', '-n', '-r', written, '-T', 'fields', '-E', 'separator=|', ...options, ...columns)
  expect(lines.trimEnd().split('\n')).toEqual([
    'tap0|1577836800.000000500|42|0x00000002||0x0806|||',
    'tap0|1577836800.001500500|42|0x00000001||0x0806|||',
    'tap0|1577836800.003000500|62|0x00000002|the first segment: grüße|0x0800|1||1',
    'tap1|1577836800.004500500|1442|0x00000001||0x0800||1|1',
  ])
})

test('capinfos sees a strict file with its interfaces', (context) => {
  requires(context, 'capinfos')
  const report = run('capinfos', written)
  for (const text of [
    'pcapng',
    'Ethernet',
    'nanoseconds (9)',
    'Capture application: tapstack',
    'made by a test',
    'Name = tap0',
    'Description = ours',
  ]) {
    expect(report).toContain(text)
  }
  expect(report).toMatch(/Number of interfaces in file: 2/)
})

test('tcpdump reads what we write', (context) => {
  requires(context, 'tcpdump')
  const lines = run('tcpdump', '-n', '-r', written, 'tcp or arp').trimEnd().split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[2]).toContain(
    '10.0.0.1.4000 > 10.0.0.2.80: Flags [S], seq 1, win 65535, options [mss 1460,nop,wscale 7]',
  )
})

for (const format of ['pcap', 'nsecpcap', 'pcapng']) {
  test(`we read what editcap writes as ${format}`, (context) => {
    requires(context, 'editcap')
    const converted = join(directory, `converted.${format}`)
    // pcap holds one interface only, as far as editcap is concerned, and that is no loss here.
    run('editcap', '-F', format, '-s', '1000', written, converted)
    const read = [...readCapture(converted)]
    expect(read.map((frame) => frame.bytes)).toEqual(frames.map((frame) => frame.slice(0, 1000)))
    expect(read.map((frame) => frame.originalLength)).toEqual(frames.map((frame) => frame.length))
    const rounded = format === 'pcap' ? 0n : 500n
    expect(read.map((frame) => frame.timestampNanoseconds)).toEqual(
      frames.map((_, i) => BigInt(EPOCH) * 1000n + BigInt(i) * 1_500_000n + rounded),
    )
    if (format !== 'pcapng') return
    expect(read[2]).toMatchObject({
      comment: 'the first segment: grüße',
      direction: 'outbound',
      interface: { name: 'tap0' },
    })
  })
}

test('we read what tcpdump writes, from a file and from a pipe', (context) => {
  requires(context, 'tcpdump', 'sh')
  const copied = join(directory, 'copied.pcap')
  run('tcpdump', '-n', '-r', written, '-w', copied, 'arp or tcp')
  expect([...readCapture(copied)].map((frame) => frame.bytes)).toEqual(frames.slice(0, 3))
  // The whole way through a pipe: a reader program of its own.
  const program = join(directory, 'count.ts')
  const capture = join(import.meta.dirname, '..', '..', 'src', 'capture', 'index.ts')
  writeFileSync(
    program,
    `import { readCapture } from ${JSON.stringify(capture)}\nconsole.log([...readCapture(0)].length)`,
  )
  const tsx = import.meta.resolve('tsx')
  const command = `tcpdump -n -r ${written} -w - arp | ${process.execPath} --import ${tsx} ${program}`
  expect(run('sh', '-c', command).trim()).toBe('2')
})
