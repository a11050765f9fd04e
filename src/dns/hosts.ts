/** Names that a file gives, in the format of hosts(5): an address and its names in each line. */
import { IpAddress, type IpFamily } from '../address/index.ts'

/** The names of /etc/hosts. */
export class Hosts {
  readonly #addresses = new Map<string, string[]>()
  readonly #names = new Map<string, string[]>()

  /** What is no line of it is skipped. */
  static parse(text: string): Hosts {
    const hosts = new Hosts()
    for (const line of text.split('\n')) {
      const [written, ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
      const address = IpAddress.tryParse(written ?? '')?.toString()
      if (address === undefined) continue
      for (const name of names) add(hosts.#addresses, name.toLowerCase(), address)
      for (const name of names) add(hosts.#names, address, name)
    }
    return hosts
  }

  /** Its addresses of a family, in the order of the file. */
  addresses(name: string, family: IpFamily): readonly string[] {
    const all = this.#addresses.get(name.toLowerCase().replace(/\.$/, '')) ?? []
    return all.filter((address) => address.includes(':') === (family === 6))
  }

  /** @param address canonical */
  names(address: string): readonly string[] {
    return this.#names.get(address) ?? []
  }
}

function add(map: Map<string, string[]>, key: string, value: string): void {
  const values = map.get(key)
  if (values === undefined) map.set(key, [value])
  else if (!values.includes(value)) values.push(value)
}
