/** A link with DHCPv6 servers on it, in virtual time, for a client under test. */
import { IpPrefix } from '../../src/address/index.ts'
import { type Clock, MILLISECOND, type Microseconds, Timer } from '../../src/clock/index.ts'
import { buildMessage } from '../../src/dhcp/v6/build-message.ts'
import { MessageType, StatusCode } from '../../src/dhcp/v6/codes.ts'
import type { DhcpReceiver, DhcpTransport } from '../../src/dhcp/v6/index.ts'
import type { IdentityAssociation, Message, MessageOptions } from '../../src/dhcp/v6/message.ts'
import { parseMessage } from '../../src/dhcp/v6/parse-message.ts'

/** One way. */
const LATENCY: Microseconds = 5 * MILLISECOND

export interface SentMessage {
  at: Microseconds
  destination: string
  message: Message
  bytes: Uint8Array
}

export interface ServerAnswer {
  type: MessageType
  options: Partial<MessageOptions>
}

/** What hears the client's messages and may answer. */
export interface LinkServer {
  /** @returns null to stay silent */
  answer(message: Message): ServerAnswer | null
}

export class DhcpLink implements DhcpTransport {
  readonly sent: SentMessage[] = []
  servers: LinkServer[] = []
  receiver: DhcpReceiver | null = null
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  open(receiver: DhcpReceiver): void {
    this.receiver = receiver
  }

  close(): void {
    this.receiver = null
  }

  send(bytes: Uint8Array, destination: { toString(): string }): void {
    const message = parseMessage(bytes)
    if (message === null || message.ignoredOptions > 0) throw new Error('the client sent what cannot be parsed')
    this.sent.push({ at: this.#clock.now(), destination: destination.toString(), message, bytes })
    for (const server of this.servers) {
      const answer = server.answer(message)
      if (answer !== null) this.deliver(buildMessage(answer.type, message.transactionId, answer.options))
    }
  }

  deliver(bytes: Uint8Array): void {
    const timer = new Timer({ onTimer: () => this.receiver?.receiveDatagram(bytes) })
    this.#clock.arm(timer, this.#clock.now() + LATENCY)
  }

  /** Types of the messages sent, in their order. */
  get types(): number[] {
    return this.sent.map(({ message }) => message.type)
  }

  get last(): SentMessage {
    return this.sent[this.sent.length - 1]
  }
}

export interface ServerSettings {
  duid?: Uint8Array
  preference?: number
  /** Seconds. */
  renewAfter?: number
  rebindAfter?: number
  preferred?: number
  valid?: number
  addresses?: string[]
  prefixes?: string[]
  rapidCommit?: boolean
  /** Goes into every answer. */
  options?: Partial<MessageOptions>
}

/** A server that does as it should, with one fixed set of leases for its one client. */
export class TestServer implements LinkServer {
  silent = false
  /** Whether the client's binding is known: set by giving it, cleared by the test. */
  bound = false
  readonly settings: Required<ServerSettings>

  constructor(settings: ServerSettings = {}) {
    this.settings = {
      duid: Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 1),
      preference: 0,
      renewAfter: 100,
      rebindAfter: 160,
      preferred: 200,
      valid: 300,
      addresses: ['2001:db8::100'],
      prefixes: ['2001:db8:100::/56'],
      rapidCommit: false,
      options: {},
      ...settings,
    }
  }

  answer({ type, options }: Message): ServerAnswer | null {
    const { duid, preference, rapidCommit } = this.settings
    const meant = options.serverId === null || options.serverId.join() === duid.join()
    if (this.silent || !meant) return null
    const common = { clientId: options.clientId, serverId: duid, ...this.settings.options }
    const reply = (more: Partial<MessageOptions>) => ({ type: MessageType.Reply, options: { ...common, ...more } })
    const ok = { status: { code: StatusCode.Success, message: '' } }
    switch (type) {
      case MessageType.Solicit: {
        const identityAssociations = options.identityAssociations.map((asked) => this.grant(asked))
        if (rapidCommit && options.rapidCommit) {
          this.bound = true
          return reply({ identityAssociations, rapidCommit: true })
        }
        return { type: MessageType.Advertise, options: { ...common, preference, identityAssociations } }
      }
      case MessageType.Request:
        this.bound = true
        return reply({ identityAssociations: options.identityAssociations.map((asked) => this.grant(asked)) })
      case MessageType.Renew:
      case MessageType.Rebind:
        return reply({
          identityAssociations: options.identityAssociations.map((asked) =>
            this.bound ? this.grant(asked) : refuse(asked, StatusCode.NoBinding),
          ),
        })
      case MessageType.Confirm:
      case MessageType.Release:
      case MessageType.Decline:
        return reply(ok)
      case MessageType.InformationRequest:
        return reply({})
      default:
        return null
    }
  }

  grant(asked: IdentityAssociation): IdentityAssociation {
    const { addresses, prefixes, renewAfter, rebindAfter, preferred, valid } = this.settings
    const given = asked.kind === 'IA_PD' ? prefixes : addresses
    if (given.length === 0) {
      return refuse(asked, asked.kind === 'IA_PD' ? StatusCode.NoPrefixAvail : StatusCode.NoAddrsAvail)
    }
    const leases = given.map((text) => ({ prefix: IpPrefix.parse(text), preferred, valid, status: null }))
    return { ...asked, renewAfter, rebindAfter, leases }
  }
}

export function refuse(asked: IdentityAssociation, code: number): IdentityAssociation {
  return { ...asked, leases: [], status: { code, message: 'no' } }
}
