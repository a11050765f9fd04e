/** A link in a namespace of its own: one of our stacks on tap0, and behind it a kernel with real DHCPv4 servers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dhcpv4Settings } from '../../src/dhcp/index.ts'
import { Namespace } from '../support/namespace.ts'
import type { RunningProcess } from '../support/running-process.ts'

/** Seconds: T1, T2 and the whole. */
export type LeaseTimes = readonly [renew: number, rebind: number, lease: number]

export class Dhcpv4Link implements AsyncDisposable {
  readonly namespace: Namespace
  readonly folder: string

  /** With 10.0.0.1/24 on the kernel's side. */
  static async create(): Promise<Dhcpv4Link> {
    const namespace = await Namespace.create()
    const setUp = ['ip tuntap add tap0 mode tap', 'ip link set tap0 up', 'ip address add 10.0.0.1/24 dev tap0']
    await namespace.run('sh', ['-c', setUp.join(' && ')])
    return new Dhcpv4Link(namespace)
  }

  private constructor(namespace: Namespace) {
    this.namespace = namespace
    this.folder = mkdtempSync(join(tmpdir(), 'tapstack-dhcpv4-'))
  }

  /** The stack, looking for servers. */
  async host(settings: Dhcpv4Settings): Promise<RunningProcess> {
    const host = this.namespace.spawnNode('test/dhcp/programs/dhcpv4-host.ts', [JSON.stringify(settings)])
    // Several start at once, of a program that may have to be compiled first.
    await host.waitFor(/mac \S+/, 60_000)
    return host
  }

  /** ISC dhcpd. @param options in its language, for the whole network */
  async dhcpd(range: string, [renew, rebind, lease]: LeaseTimes, options = ''): Promise<RunningProcess> {
    const times = `min-lease-time 1; default-lease-time ${lease}; max-lease-time ${lease};`
    const marks = `option dhcp-renewal-time ${renew}; option dhcp-rebinding-time ${rebind};`
    const network = `subnet 10.0.0.0 netmask 255.255.255.0 { range ${range}; option routers 10.0.0.1; }`
    const checks = 'ping-check false; authoritative; ddns-update-style none;'
    const file = this.file('dhcpd.conf', `${checks} ${times} ${marks} ${options} ${network}\n`)
    const leases = this.file('dhcpd.leases', '')
    const words = ['-4', '-f', '-d', '-cf', file, '-lf', leases, '-pf', join(this.folder, 'dhcpd.pid'), 'tap0']
    const dhcpd = this.#server('dhcpd', words)
    await dhcpd.waitFor('Server starting service')
    return dhcpd
  }

  /** Kea. */
  async kea(pool: string, [renew, rebind, lease]: LeaseTimes): Promise<RunningProcess> {
    const configuration = {
      'interfaces-config': { interfaces: ['tap0'] },
      'lease-database': { type: 'memfile', persist: false },
      'renew-timer': renew,
      'rebind-timer': rebind,
      'valid-lifetime': lease,
      subnet4: [{ id: 1, subnet: '10.0.0.0/24', pools: [{ pool }] }],
      'option-data': [
        { name: 'routers', data: '10.0.0.1' },
        { name: 'domain-name-servers', data: '10.0.0.53' },
        { name: 'interface-mtu', data: '1400' },
      ],
      loggers: [{ name: 'kea-dhcp4', output_options: [{ output: 'stdout' }], severity: 'INFO' }],
    }
    const file = this.file('kea.json', JSON.stringify({ Dhcp4: configuration }))
    const environment = { KEA_PIDFILE_DIR: this.folder, KEA_LOCKFILE_DIR: 'none' }
    const kea = this.#server('kea-dhcp4', ['-c', file], environment)
    await kea.waitFor('DHCP4_STARTED')
    return kea
  }

  /** dnsmasq, which takes over leases of others, for two minutes at the least. */
  async dnsmasq(range: string, ...options: string[]): Promise<RunningProcess> {
    const fixed = ['--no-daemon', '--conf-file=/dev/null', '--port=0', '--leasefile-ro', '--log-dhcp', '--user=root']
    const rest = ['--dhcp-authoritative', '--interface=tap0', '--no-ping', `--pid-file=${this.folder}/dnsmasq.pid`]
    const dnsmasq = this.#server('dnsmasq', [...fixed, ...rest, `--dhcp-range=${range}`, ...options])
    await dnsmasq.waitFor(/started/)
    return dnsmasq
  }

  /** udhcpd of busybox. */
  async udhcpd(start: string, end: string, [renew, rebind, lease]: LeaseTimes): Promise<RunningProcess> {
    const lines = [
      `start ${start}`,
      `end ${end}`,
      'interface tap0',
      'min_lease 1',
      `lease_file ${this.file('udhcpd.leases', '')}`,
      `pidfile ${join(this.folder, 'udhcpd.pid')}`,
      'option subnet 255.255.255.0',
      'option router 10.0.0.1',
      'option domain test.example',
      `option lease ${lease}`,
      `option 0x3a ${hex32(renew)}`,
      `option 0x3b ${hex32(rebind)}`,
    ]
    const file = this.file('udhcpd.conf', `${lines.join('\n')}\n`)
    const udhcpd = this.#server('busybox', ['udhcpd', '-f', file])
    await udhcpd.waitFor('started')
    return udhcpd
  }

  /** Wherever it writes its log, we have it on the standard output. */
  #server(command: string, words: string[], environment: Record<string, string> = {}): RunningProcess {
    return this.namespace.spawn('sh', ['-c', 'exec "$@" 2>&1', 'sh', command, ...words], { environment })
  }

  /** @returns its path */
  file(name: string, text: string): string {
    const file = join(this.folder, name)
    writeFileSync(file, text)
    return file
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.namespace[Symbol.asyncDispose]()
    rmSync(this.folder, { recursive: true })
  }
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}
