import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { TlsIdentity } from './delivery.ts'

/** Files in PEM. */
export interface TlsFiles {
  readonly ca?: string | undefined
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

/**
 * What is in these files. @throws the errors of `open`, and a TypeError for what is no certificate or key; both have the `path`
 */
export async function readTlsFiles({ ca, certificate, key }: TlsFiles): Promise<TlsIdentity> {
  return {
    ca: await read(ca, 'certificate in PEM', (text) => new X509Certificate(text)),
    certificate: await read(certificate, 'certificate in PEM', (text) => new X509Certificate(text)),
    key: await read(key, 'private key in PEM without a passphrase', createPrivateKey),
  }
}

async function read(path: string | undefined, what: string, parse: (text: string) => unknown) {
  if (path === undefined) return undefined
  const text = await readFile(path, 'utf8')
  try {
    parse(text)
  } catch {
    // Node would take it for no certificate at all, and trust nobody.
    throw Object.assign(new TypeError(`${path} holds no ${what}`), { path })
  }
  return text
}
