import * as ethernet from '../../src/ethernet/wire.ts'
import * as ipv4 from '../../src/ipv4/wire.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { sequenceNumber } from '../../src/tcp/sequence-number.ts'
import * as tcp from '../../src/tcp/wire.ts'
import { type MicroResult, measure } from './measure.ts'

/** Parsing and building the headers of a TCP segment over IPv4 over Ethernet, in packet memory. */

const OPERATIONS = 500
const HEADERS = 14 + 20 + 20
const SOURCE = 0x0a000001
const DESTINATION = 0x0a000002

export async function headerBenchmarks(): Promise<MicroResult[]> {
  const memory = new PacketMemory({ smallSlots: 1024, largeSlots: 4 })
  const { bytes, view } = memory
  // Many packets in turn, so that no field is known in advance.
  const packets = Array.from({ length: 256 }, () => memory.allocate(HEADERS)!)
  const baseSum = ipv4.baseSum(SOURCE, DESTINATION)

  const build = (start: number, id: number) => {
    const network = start + 14
    const transport = network + 20
    ethernet.writeHeader(bytes, start, 0x0200, 2, 0x0200, 1, 0x0800)
    ipv4.writeHeader(bytes, network, baseSum, 0, 1500, id & 0xffff, 0x4000, 64, 6, SOURCE, DESTINATION)
    const sequence = sequenceNumber(id * 1460)
    tcp.writeHeader(view, transport, (80 << 16) | 40_000, sequence, sequence, 20, tcp.Flag.Ack, 502, 0x1234)
  }
  const parse = (start: number): number => {
    const network = start + 14
    const length = ipv4.headerLength(bytes, network)
    const transport = network + length
    if (
      ethernet.type(bytes, start) !== 0x0800 ||
      ethernet.destinationLow(bytes, start) !== 2 ||
      ipv4.version(bytes, network) !== 4 ||
      !ipv4.isChecksumRight(bytes, network, length) ||
      ipv4.protocol(bytes, network) !== 6 ||
      !tcp.isValidHeader(view, transport, transport + 20)
    ) {
      throw new Error('a header does not parse')
    }
    return (
      ipv4.source(bytes, network) ^
      ipv4.destination(bytes, network) ^
      ipv4.totalLength(bytes, network) ^
      tcp.portPair(view, transport) ^
      tcp.sequence(view, transport) ^
      tcp.acknowledgment(view, transport) ^
      tcp.flags(view, transport) ^
      tcp.windowField(view, transport)
    )
  }
  for (const [index, packet] of packets.entries()) build(packet.start, index)

  return measure([
    {
      name: 'headers Ethernet, IPv4, TCP: build',
      bytes: HEADERS,
      operations: OPERATIONS,
      run() {
        for (let i = 0; i < OPERATIONS; i++) build(packets[i & 255].start, i)
        return bytes[packets[0].start]
      },
    },
    {
      name: 'headers Ethernet, IPv4, TCP: parse and validate',
      bytes: HEADERS,
      operations: OPERATIONS,
      run() {
        let result = 0
        for (let i = 0; i < OPERATIONS; i++) result ^= parse(packets[i & 255].start)
        return result
      },
    },
    {
      name: 'packet: allocate and release',
      operations: OPERATIONS,
      run() {
        let result = 0
        for (let i = 0; i < OPERATIONS; i++) {
          const packet = memory.allocate(1500)!
          result ^= packet.start
          packet.release()
        }
        return result
      },
    },
  ])
}
