/**
 * `sysctl` commands of scripts as settings of our stack. Names are FreeBSD's, and Linux's where it has one for the same
 * thing; what our stack has no setting for is left alone, as the scripts' README asks.
 */
import { MILLISECOND, SECOND } from '../../src/clock/index.ts'
import { DEFAULT_TCP_SETTINGS, type TcpSettings } from '../../src/tcp/index.ts'
import { tcpSettings } from '../../src/tcp/settings.ts'

/**
 * FreeBSD's defaults, which scripts written for it rely on, as far as they are not ours (RTO and delayed ACK are the same).
 * Ours are Linux's.
 */
const FREEBSD_DEFAULTS: Partial<TcpSettings> = {
  // net.inet.tcp.recvspace, net.inet.tcp.sendspace, kern.ipc.maxsockbuf
  receiveBuffer: 65_536,
  sendBuffer: 32_768,
  maximumReceiveBuffer: 2_097_152,
  // FreeBSD delays acknowledgments from the beginning.
  quickAcknowledgments: 0,
  // net.inet.tcp.drop_synfin
  dropSynFin: false,
  // net.inet.tcp.keepcnt
  keepAliveProbes: 8,
}

/** Also of settings to come: what the stack does not know is left out. */
type Settings = Record<string, unknown>

const flag = (value: string) => Number(value) !== 0
const milliseconds = (value: string) => Number(value) * MILLISECOND
const seconds = (value: string) => Number(value) * SECOND
/** Of Linux's "least default most". */
const numbers = (value: string) => value.trim().split(/\s+/).map(Number)
const ecn = (value: string) => ({ ecn: ['off', 'on', 'accept'][Number(value)] })
const congestionControl = (value: string) => ({
  congestionControl: value === 'reno' || value === 'newreno' ? 'newreno' : value.startsWith('bbr') ? 'bbr' : value,
})

const SYSCTLS: Record<string, (value: string) => Settings> = {
  'net.inet.tcp.rfc1323': (value) => ({ timestamps: flag(value), windowScaling: flag(value) }),
  'net.inet.tcp.sack.enable': (value) => ({ selectiveAcknowledgments: flag(value) }),
  'net.inet.tcp.icmp_may_rst': (value) => ({ icmpEndsConnecting: flag(value) }),
  'net.inet.tcp.drop_synfin': (value) => ({ dropSynFin: flag(value) }),
  'net.inet.tcp.ecn.enable': ecn,
  'net.inet.tcp.rexmit_initial': (value) => ({ initialTimeout: milliseconds(value) }),
  'net.inet.tcp.cc.algorithm': congestionControl,
  'net.inet.tcp.delacktime': (value) => ({ delayedAcknowledgment: milliseconds(value) }),
  'net.inet.tcp.keepidle': (value) => ({ keepAliveIdle: milliseconds(value) }),
  'net.inet.tcp.keepintvl': (value) => ({ keepAliveInterval: milliseconds(value) }),
  'net.inet.tcp.keepcnt': (value) => ({ keepAliveProbes: Number(value) }),
  'net.inet.tcp.recvspace': (value) => ({ receiveBuffer: Number(value) }),
  'net.inet.tcp.sendspace': (value) => ({ sendBuffer: Number(value) }),
  'net.inet.tcp.msl': (value) => ({ timeWait: 2 * milliseconds(value) }),
  'net.inet.tcp.finwait2_timeout': (value) => ({ finWait2Timeout: milliseconds(value) }),
  'net.inet.tcp.syncookies': (value) => ({ synCookies: flag(value) }),
  // The bound of what a receive window may grow to, and so of the scale that SYNs offer.
  'kern.ipc.maxsockbuf': (value) => ({
    maximumReceiveBuffer: Math.min(Math.max(Number(value), 65_536), 1_073_741_824),
  }),
  'net.ipv4.tcp_ecn': ecn,
  'net.ipv4.tcp_mtu_probing': (value) => ({ mtuProbing: ['off', 'blackhole', 'always'][Number(value)] }),
  'net.ipv4.tcp_base_mss': (value) => ({ baseSegmentSize: Number(value) }),
  'net.ipv4.tcp_mtu_probe_floor': (value) => ({ minimumSegmentSize: Number(value) }),
  'net.ipv4.tcp_congestion_control': congestionControl,
  'net.ipv4.tcp_max_orphans': (value) => ({ maximumOrphans: Number(value) }),
  'net.ipv4.tcp_orphan_retries': (value) => ({ orphanRetries: Number(value) }),
  'net.ipv4.tcp_max_tw_buckets': (value) => ({ maximumTimeWait: Number(value) }),
  'net.ipv4.tcp_timestamps': (value) => ({ timestamps: flag(value) }),
  'net.ipv4.tcp_window_scaling': (value) => ({ windowScaling: flag(value) }),
  'net.ipv4.tcp_sack': (value) => ({ selectiveAcknowledgments: flag(value) }),
  'net.ipv4.tcp_syn_retries': (value) => ({ synRetries: Number(value) }),
  'net.ipv4.tcp_synack_retries': (value) => ({ synAckRetries: Number(value) }),
  'net.ipv4.tcp_keepalive_time': (value) => ({ keepAliveIdle: seconds(value) }),
  'net.ipv4.tcp_keepalive_intvl': (value) => ({ keepAliveInterval: seconds(value) }),
  'net.ipv4.tcp_keepalive_probes': (value) => ({ keepAliveProbes: Number(value) }),
  'net.ipv4.tcp_fin_timeout': (value) => ({ finWait2Timeout: seconds(value) }),
  'net.ipv4.tcp_syncookies': (value) => ({ synCookies: flag(value) }),
  'net.ipv4.tcp_rmem': (value) => {
    const [, receiveBuffer, maximumReceiveBuffer] = numbers(value)
    return { receiveBuffer, maximumReceiveBuffer }
  },
  'net.ipv4.tcp_wmem': (value) => {
    const [, sendBuffer, maximumSendBuffer] = numbers(value)
    return { sendBuffer, maximumSendBuffer }
  },
}

/**
 * Applies all `name=value` of a `sysctl` command that the stack has a setting for, and lets have.
 * @param settings of a stack that is there, or of one that is still to be made
 * @param mayDefault the first command that names something of FreeBSD's brings its other defaults with it
 */
export function sysctl(command: string, settings: Partial<TcpSettings>, mayDefault: boolean): void {
  if (mayDefault && /\b(net\.inet|kern\.ipc)\./.test(command)) {
    for (const [name, value] of Object.entries(FREEBSD_DEFAULTS)) {
      if (!(name in settings)) Object.assign(settings, { [name]: value })
    }
  }
  for (const [, name, value] of command.matchAll(/([\w.]+)\s*=\s*("[^"]*"|'[^']*'|\S+)/g)) {
    const changes = SYSCTLS[name]?.(value.replace(/^["']|["']$/g, '')) ?? {}
    for (const [key, changed] of Object.entries(changes)) {
      if (isPossible({ [key]: changed })) Object.assign(settings, { [key]: changed })
    }
  }
}

function isPossible(change: Settings): boolean {
  try {
    tcpSettings(change)
    return Object.keys(change).every((key) => key in DEFAULT_TCP_SETTINGS)
  } catch {
    return false
  }
}
