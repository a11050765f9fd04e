/**
 * `sysctl` commands of scripts as settings of our stack. Names are FreeBSD's, and Linux's where it has one for the same
 * thing; what our stack has no setting for is left alone, as the scripts' README asks.
 */
import { MILLISECOND, SECOND } from '../../src/clock/index.ts'
import { DEFAULT_TCP_SETTINGS, type TcpSettings } from '../../src/tcp/index.ts'

/** FreeBSD's defaults, which the scripts rely on, as far as they are not ours (RTO and delayed ACK are the same). */
export const FREEBSD_DEFAULTS: Partial<TcpSettings> = {
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
/** The last of Linux's three numbers "least default most". */
const third = (value: string, index: number) => Number(value.trim().split(/\s+/)[index])

const SYSCTLS: Record<string, (value: string) => Settings> = {
  'net.inet.tcp.rfc1323': (value) => ({ timestamps: flag(value), windowScaling: flag(value) }),
  'net.inet.tcp.sack.enable': (value) => ({ selectiveAcknowledgments: flag(value) }),
  'net.inet.tcp.drop_synfin': (value) => ({ dropSynFin: flag(value) }),
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
  'net.ipv4.tcp_rmem': (value) => ({ receiveBuffer: third(value, 1), maximumReceiveBuffer: third(value, 2) }),
  'net.ipv4.tcp_wmem': (value) => ({ sendBuffer: third(value, 1) }),
}

/** Applies all `name=value` of a `sysctl` command that the stack has a setting for. */
export function sysctl(command: string, settings: Partial<TcpSettings>): void {
  for (const [, name, value] of command.matchAll(/([\w.]+)\s*=\s*("[^"]*"|'[^']*'|\S+)/g)) {
    const changes = SYSCTLS[name]?.(value.replace(/^["']|["']$/g, '')) ?? {}
    for (const [key, changed] of Object.entries(changes)) {
      if (key in DEFAULT_TCP_SETTINGS) Object.assign(settings, { [key]: changed })
    }
  }
}
