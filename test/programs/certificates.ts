/** A certification authority of a test's own, and certificates of it for both ends of a tap. */
import { execFileSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KERNEL, KERNEL6, STACK, STACK6 } from './tap-link.ts'

export interface Certificates {
  /** Files in PEM. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** Makes them with `openssl`, valid for a day, for `service.test` and the addresses of both ends. */
export function makeCertificates(folder: string): Certificates {
  const file = (name: string) => join(folder, name)
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'pipe' })
  const [authority, certificate, key] = ['authority.pem', 'certificate.pem', 'key.pem'].map(file)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...newKey, '-days', '1', '-subj', '/CN=Trial', '-keyout', file('root.pem'), '-out', authority)
  openssl('req', ...newKey, '-subj', '/CN=service.test', '-keyout', key, '-out', file('request.pem'))
  const names = ['DNS:service.test', ...[KERNEL, KERNEL6, STACK, STACK6].map((address) => `IP:${address}`)]
  writeFileSync(file('names'), `subjectAltName=${names.join(',')}\n`)
  const signed = ['-CA', authority, '-CAkey', file('root.pem'), '-CAcreateserial', '-extfile', file('names')]
  openssl('x509', '-req', '-in', file('request.pem'), ...signed, '-days', '1', '-out', certificate)
  // Servers that give up being root read it as somebody else.
  chmodSync(key, 0o644)
  return { authority, certificate, key }
}
