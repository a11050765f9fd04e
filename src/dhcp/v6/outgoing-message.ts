import type { Dhcpv6LeaseTimes } from './binding.ts'
import type { Bindings } from './bindings.ts'
import { buildMessage } from './build-message.ts'
import {
  associationsFrom,
  associationsOf,
  associationsWith,
  type ClientIdentity,
  clientOptions,
  isToOneServer,
} from './client-messages.ts'
import { MessageType } from './codes.ts'
import type { IdentityAssociation } from './message.ts'

/** The message of the exchange that runs, and what it is about: the same each time that it is sent, RFC 8415, section 15. */
export class OutgoingMessage {
  #type: MessageType = MessageType.Solicit
  #associations: IdentityAssociation[] = []
  readonly #identity: ClientIdentity
  readonly #bindings: Bindings

  constructor(identity: ClientIdentity, bindings: Bindings) {
    this.#identity = identity
    this.#bindings = bindings
  }

  get type(): MessageType {
    return this.#type
  }

  /** About what is held. */
  begin(
    type:
      | typeof MessageType.Solicit
      | typeof MessageType.Confirm
      | typeof MessageType.Renew
      | typeof MessageType.Rebind,
  ) {
    this.#type = type
    this.update()
  }

  /** @param advertised what to ask for; empty for what is held already */
  beginRequest(advertised: readonly IdentityAssociation[]): void {
    this.#type = MessageType.Request
    this.#associations = associationsFrom(this.#bindings.all, advertised, this.#identity.prefixLength)
  }

  /** About these leases and nothing else. */
  beginReturn(
    type: typeof MessageType.Decline | typeof MessageType.Release,
    leases: readonly Dhcpv6LeaseTimes[],
  ): void {
    this.#type = type
    this.#associations = associationsWith(this.#bindings.all, leases)
  }

  /** What is held has become less: what is sent again asks for what is still there. */
  update(): void {
    const { all } = this.#bindings
    if (this.#type === MessageType.Confirm) this.#associations = associationsWith(all, this.#bindings.of('IA_NA'))
    else if (
      this.#type === MessageType.Solicit ||
      this.#type === MessageType.Renew ||
      this.#type === MessageType.Rebind
    ) {
      this.#associations = associationsOf(all, this.#identity.prefixLength)
    }
  }

  /** @param elapsed hundredths of a second @param serverId of the server that is to answer, if only one is */
  bytes(transactionId: number, elapsed: number, serverId: Uint8Array | null): Uint8Array {
    const content = { serverId: isToOneServer(this.#type) ? serverId : null, associations: this.#associations, elapsed }
    return buildMessage(this.#type, transactionId, clientOptions(this.#type, this.#identity, content))
  }
}
