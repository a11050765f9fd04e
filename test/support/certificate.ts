import { execFileSync } from 'node:child_process'

/**
 * A certificate that has signed itself, in files in PEM. Needs `openssl`.
 * @param names `DNS:logs.example,IP:10.0.0.1`
 */
export function makeCertificate(certificate: string, key: string, subject: string, names: string): void {
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const about = ['-subj', `/CN=${subject}`, '-addext', `subjectAltName=${names}`]
  execFileSync('openssl', ['req', ...kind, ...about, '-out', certificate, '-keyout', key], { stdio: 'pipe' })
}
