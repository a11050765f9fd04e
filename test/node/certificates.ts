/** Certificates for a test run, made by openssl when they are first asked for: an authority, two servers, a client. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Identity {
  readonly cert: string
  readonly key: string
}

export interface Certificates {
  /** Who has signed all others. */
  readonly ca: string
  /** For `localhost`, 127.0.0.1 and ::1. */
  readonly server: Identity
  /** For `other.example`. */
  readonly other: Identity
  readonly client: Identity
  /** For `localhost`, signed by nobody else. */
  readonly selfSigned: Identity
}

let made: Certificates | null = null

export function certificates(): Certificates {
  made ??= make()
  return made
}

function make(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-certificates-'))
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const sign = (name: string, subject: string, names: string, ...by: string[]): Identity => {
    const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const extension = names === '' ? [] : ['-addext', `subjectAltName=${names}`]
    const files = ['-out', `${name}.pem`, '-keyout', `${name}.key`]
    execFileSync('openssl', [...words, '-subj', subject, ...extension, ...by, ...files], { cwd: folder, stdio: 'pipe' })
    return { cert: read(`${name}.pem`), key: read(`${name}.key`) }
  }
  try {
    const { cert: ca } = sign('ca', '/CN=Authority of the test', '')
    const byAuthority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=critical,CA:false']
    return {
      ca,
      server: sign('server', '/O=Test/CN=localhost', 'DNS:localhost,IP:127.0.0.1,IP:::1', ...byAuthority),
      other: sign('other', '/O=Test/CN=other.example', 'DNS:other.example', ...byAuthority),
      client: sign('client', '/O=Test/CN=client', '', ...byAuthority),
      selfSigned: sign('self', '/CN=localhost', 'DNS:localhost'),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
