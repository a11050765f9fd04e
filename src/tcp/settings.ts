import { MILLISECOND, MINUTE, type Microseconds, SECOND } from '../clock/index.ts'
import { CONGESTION_CONTROLS, type CongestionControlName } from './congestion/index.ts'

export type MtuProbingSetting = 'off' | 'blackhole' | 'always'
const MTU_PROBING: readonly MtuProbingSetting[] = ['off', 'blackhole', 'always']
export type EcnSetting = 'on' | 'accept' | 'off'
const ECN_SETTINGS: readonly EcnSetting[] = ['on', 'accept', 'off']

/** What can be set about TCP, with its defaults. Per stack; a connection copies what it may change for itself. */
export interface TcpSettings {
  /** Bytes a connection buffers for sending before `write` asks to wait, at first; 4 KiB to 64 MiB. Default 1 MiB. */
  sendBuffer: number
  /** What that grows to while the congestion window does, 4 KiB to 1 GiB. Default 16 MiB. */
  maximumSendBuffer: number
  /** First receive window in bytes, 2 KiB to 1 MiB; it grows while the application keeps up. Default 256 KiB. */
  receiveBuffer: number
  /**
   * What the receive window may grow to, 64 KiB to 1 GiB. Default 16 MiB: a path of 1 Gbit/s and 40 ms holds 5 MB, and
   * while a loss is repaired twice as much is under way.
   */
  maximumReceiveBuffer: number
  /**
   * Bytes that all connections together may hold unread, above which no window opens further; what was offered before is
   * still taken. 64 KiB and more. Default 256 MiB.
   */
  receiveBudget: number
  /** How long data may stay unacknowledged before the connection is given up (R2 of RFC 9293, 3.8.3). Default 100 s. */
  userTimeout: Microseconds
  /**
   * Until a SYN or SYN-ACK, of whose path nothing is known, is sent again: RFC 6298, 2.1; 10 ms to 120 s. It doubles with
   * each. Default 1 s.
   */
  initialTimeout: Microseconds
  /** SYN retransmissions before ETIMEDOUT; Linux tcp_syn_retries. Default 6: 127 s. */
  synRetries: number
  /** SYN-ACK retransmissions before a half-open connection is dropped; Linux tcp_synack_retries. Default 5. */
  synAckRetries: number
  /** Longest time an acknowledgment is held back; RFC 9293, 3.8.6.3, allows 500 ms. Default 40 ms, as Linux. */
  delayedAcknowledgment: Microseconds
  /**
   * Acknowledgments that are not held back at the start, after a pause and after duplicates, so that the peer's slow start
   * is not held up; 0 to 255. Default 16, as Linux (TCP_MAX_QUICKACKS).
   */
  quickAcknowledgments: number
  /** Silence before the first keep-alive probe, up to 32,767 s; Linux tcp_keepalive_time. Default two hours. */
  keepAliveIdle: Microseconds
  /** Between two probes, up to 32,767 s; Linux tcp_keepalive_intvl. Default 75 s. */
  keepAliveInterval: Microseconds
  /** Probes that may stay unanswered, 1 to 127; Linux tcp_keepalive_probes. Default 9. */
  keepAliveProbes: number
  /** How long a closed connection waits in FIN-WAIT-2 for the peer's FIN; Linux tcp_fin_timeout. Default 60 s. */
  finWait2Timeout: Microseconds
  /**
   * Connections that no application holds any more while their peer has not finished, 0 to 16,777,216; Linux
   * tcp_max_orphans. Beyond, the next to be let go is reset. Default 65,536.
   */
  maximumOrphans: number
  /** Retransmissions in a row for a connection that no application holds, 1 to 127; Linux tcp_orphan_retries. Default 8. */
  orphanRetries: number
  /** 2 MSL, up to 240 s. Default 60 s, as Linux. */
  timeWait: Microseconds
  /** TIME-WAIT records kept, 0 to 1,048,576; beyond, the oldest goes. Default 8,192. */
  maximumTimeWait: number
  /** Connections of a stack, half-open ones included, 1 to 16,777,216; beyond, SYNs are dropped. Default 262,144. */
  maximumConnections: number
  /** Offer timestamps and window scaling (RFC 7323). Default true. */
  timestamps: boolean
  windowScaling: boolean
  /** Offer selective acknowledgments (RFC 2018). Default true. */
  selectiveAcknowledgments: boolean
  /**
   * Explicit congestion notification, RFC 3168: asked for in our SYNs, and agreed to ('on'); agreed to where the peer asks
   * ('accept'); neither ('off'). Linux tcp_ecn 1, 2, 0. Default accept, as Linux.
   */
  ecn: EcnSetting
  /** Answers SYNs with cookies (RFC 4987, 3.6) while a listener's queue is full of silent peers. Default true. */
  synCookies: boolean
  /**
   * How long a listener's fast open cookies come from one key, 1 s to 30 days: RFC 7413, 4.1.2. They are good for up to twice
   * as long. Default one hour.
   */
  fastOpenKeyLifetime: Microseconds
  /** Servers whose fast open cookies are remembered, 0 to 1,048,576; beyond, the one longest unheard of goes. Default 1,024. */
  fastOpenServers: number
  /**
   * For how long nothing is sent with SYNs after the way has looked like a black hole for them; it doubles up to six times;
   * 0 for never. Linux tcp_fastopen_blackhole_timeout_sec. Default one hour.
   */
  fastOpenBlackholePause: Microseconds
  /**
   * Drops segments with both SYN and FIN that would begin a connection: only scanners send them, to pass firewalls. Linux
   * does so where it listens, FreeBSD with drop_synfin; RFC 9293, 3.10.7.2 and 3.10.7.3, allows them. Default true.
   */
  dropSynFin: boolean
  /**
   * An ICMP error ends an attempt to connect at once, so that the application can try another address (RFC 5461, 4.1), as in
   * Linux. Otherwise it is only reported if the attempt times out; FreeBSD icmp_may_rst. Default true.
   */
  icmpEndsConnecting: boolean
  /**
   * Challenge ACKs of the whole stack in a second, 1 to 1,000,000; RFC 5961, section 7. At least half as many are sent, the
   * rest by chance. Default 1,000.
   */
  challengeAcknowledgments: number
  /** The congestion control of connections (RFC 9438, RFC 5681, draft-ietf-ccwg-bbr). Default cubic. */
  congestionControl: CongestionControlName
  /**
   * Finding the path's MTU without ICMP, RFC 4821: never ('off'), once segments seem to be too large for the path
   * ('blackhole'), or from the beginning ('always'). Linux tcp_mtu_probing 0, 1, 2. Default blackhole.
   */
  mtuProbing: MtuProbingSetting
  /** What that begins with, payload bytes of a segment, 48 to 65,495; Linux tcp_base_mss. Default 1,024. */
  baseSegmentSize: number
  /** And what it goes down to when nothing gets through, 48 to 65,495; Linux tcp_mtu_probe_floor. Default 48. */
  minimumSegmentSize: number
  /**
   * The largest MSS that we announce and use, 88 to 65,495 (RFC 9293, 3.7.1): for paths through tunnels that say nothing of
   * their MTU. A connection or a listener may have a lower one. Default 65,495: what links and paths allow.
   */
  maximumSegmentSize: number
  /** Ports for connections that we open; Linux ip_local_port_range. Default 32,768 to 60,999. */
  ephemeralPorts: readonly [least: number, most: number]
}

/** What TCP does unless it is told otherwise; docs/limits.md has them all. */
export const DEFAULT_TCP_SETTINGS: Readonly<TcpSettings> = {
  sendBuffer: 1_048_576,
  maximumSendBuffer: 16_777_216,
  receiveBuffer: 262_144,
  maximumReceiveBuffer: 16_777_216,
  receiveBudget: 268_435_456,
  userTimeout: 100 * SECOND,
  initialTimeout: 1 * SECOND,
  synRetries: 6,
  synAckRetries: 5,
  delayedAcknowledgment: 40 * MILLISECOND,
  quickAcknowledgments: 16,
  keepAliveIdle: 120 * MINUTE,
  keepAliveInterval: 75 * SECOND,
  keepAliveProbes: 9,
  finWait2Timeout: 60 * SECOND,
  maximumOrphans: 65_536,
  orphanRetries: 8,
  timeWait: 60 * SECOND,
  maximumTimeWait: 8192,
  maximumConnections: 262_144,
  timestamps: true,
  windowScaling: true,
  selectiveAcknowledgments: true,
  ecn: 'accept',
  synCookies: true,
  fastOpenKeyLifetime: 60 * MINUTE,
  fastOpenServers: 1024,
  fastOpenBlackholePause: 60 * MINUTE,
  dropSynFin: true,
  icmpEndsConnecting: true,
  challengeAcknowledgments: 1000,
  congestionControl: 'cubic',
  mtuProbing: 'blackhole',
  baseSegmentSize: 1024,
  minimumSegmentSize: 48,
  maximumSegmentSize: 65_495,
  ephemeralPorts: [32_768, 60_999],
}

/** Linux TCP_MIN_MSS: the least that makes sense. */
export const LEAST_SEGMENT = 88
/** 64 KiB less one, less the headers without options. */
export const LARGEST_SEGMENT = 65_495

const RANGES: { [name in keyof TcpSettings]?: readonly [least: number, most: number] } = {
  sendBuffer: [4096, 67_108_864],
  maximumSendBuffer: [4096, 1_073_741_824],
  receiveBuffer: [2048, 1_048_576],
  maximumReceiveBuffer: [65_536, 1_073_741_824],
  receiveBudget: [65_536, Number.MAX_SAFE_INTEGER],
  userTimeout: [1, Number.MAX_SAFE_INTEGER],
  initialTimeout: [10 * MILLISECOND, 120 * SECOND],
  synRetries: [0, 127],
  synAckRetries: [0, 127],
  delayedAcknowledgment: [0, 500 * MILLISECOND],
  quickAcknowledgments: [0, 255],
  keepAliveIdle: [1, 32_767 * SECOND],
  keepAliveInterval: [1, 32_767 * SECOND],
  keepAliveProbes: [1, 127],
  finWait2Timeout: [1, 120 * SECOND],
  maximumOrphans: [0, 16_777_216],
  orphanRetries: [1, 127],
  timeWait: [1, 240 * SECOND],
  maximumTimeWait: [0, 1_048_576],
  maximumConnections: [1, 16_777_216],
  fastOpenKeyLifetime: [SECOND, 30 * 24 * 60 * MINUTE],
  fastOpenServers: [0, 1_048_576],
  fastOpenBlackholePause: [0, 30 * 24 * 60 * MINUTE],
  challengeAcknowledgments: [1, 1_000_000],
  baseSegmentSize: [48, LARGEST_SEGMENT],
  minimumSegmentSize: [48, LARGEST_SEGMENT],
  maximumSegmentSize: [LEAST_SEGMENT, LARGEST_SEGMENT],
}

const CHOICES: { [name in keyof TcpSettings]?: readonly unknown[] } = {
  congestionControl: CONGESTION_CONTROLS,
  ecn: ECN_SETTINGS,
  mtuProbing: MTU_PROBING,
}

/** Of those with a range, to tell whoever thinks that they are milliseconds. */
const MICROSECONDS: ReadonlySet<keyof TcpSettings> = new Set([
  'userTimeout',
  'initialTimeout',
  'delayedAcknowledgment',
  'keepAliveIdle',
  'keepAliveInterval',
  'finWait2Timeout',
  'timeWait',
  'fastOpenKeyLifetime',
  'fastOpenBlackholePause',
])

/** @throws RangeError naming the setting and what it takes; undefined is the default */
export function tcpSettings(overrides: Partial<TcpSettings> = {}): TcpSettings {
  if (typeof overrides !== 'object' || overrides === null) {
    throw new RangeError(`the TCP settings are an object such as { congestionControl: 'bbr' }, not ${overrides}`)
  }
  const settings = { ...DEFAULT_TCP_SETTINGS }
  for (const [name, value] of Object.entries(overrides)) {
    // A setting that is spelt wrong would be a setting that has no effect.
    if (!Object.hasOwn(DEFAULT_TCP_SETTINGS, name)) throw new RangeError(`there is no TCP setting ${name}`)
    if (value !== undefined) Object.assign(settings, { [name]: value })
  }
  for (const [name, range] of Object.entries(RANGES)) check(settings, name as keyof TcpSettings, range)
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value: unknown = settings[name as keyof TcpSettings]
    if (!choices.includes(value)) wrong(name, `one of ${choices.join(', ')}`, value)
  }
  for (const [name, value] of Object.entries(DEFAULT_TCP_SETTINGS)) {
    const set: unknown = settings[name as keyof TcpSettings]
    if (typeof value === 'boolean' && typeof set !== 'boolean') wrong(name, 'true or false', set)
  }
  checkPorts(settings.ephemeralPorts)
  settings.maximumReceiveBuffer = Math.max(settings.maximumReceiveBuffer, settings.receiveBuffer)
  settings.maximumSendBuffer = Math.max(settings.maximumSendBuffer, settings.sendBuffer)
  return settings
}

function check(settings: TcpSettings, name: keyof TcpSettings, [least, most]: readonly [number, number]): void {
  const value = settings[name] as number
  const isTime = MICROSECONDS.has(name)
  // Times may be fractions: 1.1 * SECOND is one.
  const isWhole = isTime || typeof value !== 'number' || Number.isNaN(value) || Number.isInteger(value)
  if (typeof value === 'number' && isWhole && value >= least && value <= most) return
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`
  wrong(name, `${isWhole ? '' : 'an integer, '}${range}${isTime ? ' microseconds' : ''}`, value)
}

function checkPorts(ports: unknown): void {
  const isPair = Array.isArray(ports) && ports.length === 2 && ports.every((port) => Number.isInteger(port))
  if (isPair && ports[0] >= 1 && ports[0] <= ports[1] && ports[1] <= 65_535) return
  wrong('ephemeralPorts', 'two ports from 1 to 65535 in order, such as [32768, 60999]', ports)
}

function wrong(name: string, expected: string, value: unknown): never {
  const shown = typeof value === 'object' ? JSON.stringify(value) : String(value)
  throw new RangeError(`the TCP setting ${name} is ${expected}, not ${shown}`)
}
