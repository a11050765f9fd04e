/** A link in a namespace of its own: one of our stacks on tap0, and behind it a kernel with real DHCPv6 servers and a router. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dhcpv6Settings } from '../../src/dhcp/index.ts'
import { Namespace } from '../support/namespace.ts'
import type { RunningProcess } from '../support/running-process.ts'

export interface KeaSettings {
  /** First and last address of those that it gives. */
  pool: string
  /** Seconds: T1, T2, preferred and valid lifetime. */
  times: [number, number, number, number]
  rapidCommit?: boolean
  /** Prefixes of 56 bits out of 2001:db8:8000::/48. */
  delegates?: boolean
}

export class Dhcpv6Link implements AsyncDisposable {
  readonly namespace: Namespace
  readonly host: RunningProcess
  readonly #folder: string

  /** With the stack running, and 2001:db8::1 on the kernel's side. */
  static async create(settings: Dhcpv6Settings | boolean): Promise<Dhcpv6Link> {
    const namespace = await Namespace.create()
    // Nobody else is here whom the kernel's own checks could find, and servers take no tentative address.
    const setUp = [
      'sysctl -q net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.forwarding=1',
      'ip tuntap add tap0 mode tap',
      'ip link set tap0 up',
      'ip address add 2001:db8::1/64 dev tap0 nodad',
    ]
    await namespace.run('sh', ['-c', setUp.join(' && ')])
    const host = namespace.spawnNode('test/dhcp/programs/dhcpv6-host.ts', [JSON.stringify(settings)])
    await host.waitFor('ready', 30_000)
    return new Dhcpv6Link(namespace, host)
  }

  private constructor(namespace: Namespace, host: RunningProcess) {
    this.namespace = namespace
    this.host = host
    this.#folder = mkdtempSync(join(tmpdir(), 'tapstack-dhcpv6-'))
  }

  /** A router. @param flags `AdvManagedFlag on;` and the like */
  advertise(flags: string): RunningProcess {
    const interval = 'MinRtrAdvInterval 3; MaxRtrAdvInterval 4;'
    const file = this.#file('radvd.conf', `interface tap0 { AdvSendAdvert on; ${interval} ${flags} };\n`)
    return this.namespace.spawn('radvd', ['-n', '-m', 'stderr', '-C', file, '-p', `${file}.pid`])
  }

  /** Kea, ready to answer. */
  async kea({ pool, times, rapidCommit = false, delegates = false }: KeaSettings): Promise<RunningProcess> {
    const [renewTimer, rebindTimer, preferred, valid] = times
    const configuration = {
      'interfaces-config': { interfaces: ['tap0'] },
      'lease-database': { type: 'memfile', persist: false },
      'server-id': { type: 'LL', htype: 1, identifier: '0200000000aa', persist: false },
      'renew-timer': renewTimer,
      'rebind-timer': rebindTimer,
      'preferred-lifetime': preferred,
      'valid-lifetime': valid,
      subnet6: [
        {
          id: 1,
          subnet: '2001:db8::/64',
          interface: 'tap0',
          'rapid-commit': rapidCommit,
          pools: [{ pool }],
          'pd-pools': delegates ? [{ prefix: '2001:db8:8000::', 'prefix-len': 48, 'delegated-len': 56 }] : [],
        },
      ],
      'option-data': [{ name: 'dns-servers', data: '2001:db8::53' }],
      loggers: [{ name: 'kea-dhcp6', output_options: [{ output: 'stdout' }], severity: 'INFO' }],
    }
    const file = this.#file('kea.json', JSON.stringify({ Dhcp6: configuration }))
    const environment = { KEA_PIDFILE_DIR: this.#folder, KEA_LOCKFILE_DIR: 'none' }
    const kea = this.namespace.spawn('kea-dhcp6', ['-c', file], { environment })
    await kea.waitFor('DHCP6_STARTED', 30_000)
    return kea
  }

  /** dnsmasq, which takes over leases of others, for two minutes at the least. */
  dnsmasq(range: string, ...options: string[]): RunningProcess {
    const fixed = ['--no-daemon', '--conf-file=/dev/null', '--port=0', '--leasefile-ro', '--log-dhcp', '--user=root']
    const rest = ['--dhcp-authoritative', '--interface=tap0', `--pid-file=${this.#folder}/dnsmasq.pid`]
    const command = ['dnsmasq', ...fixed, ...rest, `--dhcp-range=${range}`, ...options]
    // Its log goes to the standard error; what can be waited for is the standard output.
    return this.namespace.spawn('sh', ['-c', 'exec "$@" 2>&1', 'sh', ...command])
  }

  #file(name: string, text: string): string {
    const file = join(this.#folder, name)
    writeFileSync(file, text)
    return file
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.namespace[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true })
  }
}
