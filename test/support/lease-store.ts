/** What a DHCP client remembers, in the memory of a test. */

/** A store of one lease. */
export class Store {
  text: string | null
  constructor(text: string | null = null) {
    this.text = text
  }
  load(): string | null {
    return this.text
  }
  save(text: string): void {
    this.text = text
  }
}
