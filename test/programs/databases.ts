/** PostgreSQL, Redis and MariaDB on the kernel's stack, each with its files in the folder of the link, and with TLS. */
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunningProcess } from '../support/namespace.ts'
import type { Certificates } from './certificates.ts'
import { KERNEL, type TapLink } from './tap-link.ts'

const IS_ROOT = process.geteuid?.() === 0
const NOBODY = 65_534
/** Database servers refuse to be root, which is what an ordinary user is inside a namespace, too. */
const AS_NOBODY = IS_ROOT
  ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--']
  : ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--']

export const PASSWORD = 'trial'

/** A folder of the server's own, with the certificate and a key that only it reads. */
function ownFolder(link: TapLink, name: string, { certificate, key }: Certificates): string {
  const folder = join(link.folder, name)
  mkdirSync(folder)
  copyFileSync(certificate, join(folder, 'certificate.pem'))
  copyFileSync(key, join(folder, 'key.pem'))
  chmodSync(join(folder, 'key.pem'), 0o600)
  if (IS_ROOT) for (const path of ['', 'certificate.pem', 'key.pem']) chownSync(join(folder, path), NOBODY, NOBODY)
  return folder
}

/** On port 5432, for the user `trial` with `PASSWORD`, in the clear and over TLS. To be ended by SIGINT. */
export async function startPostgresql(link: TapLink, certificates: Certificates): Promise<RunningProcess> {
  const folder = ownFolder(link, 'postgresql', certificates)
  const password = join(link.folder, 'password')
  writeFileSync(password, PASSWORD)
  const data = join(folder, 'data')
  const [first, ...words] = [...AS_NOBODY, 'initdb', '-D', data, '--no-sync', '--no-locale', '-E', 'UTF8']
  await link.namespace.run(first, [...words, '-U', 'trial', `--pwfile=${password}`, '-A', 'scram-sha-256'])
  writeFileSync(join(data, 'pg_hba.conf'), 'host all all 10.0.0.0/24 scram-sha-256\n')
  const settings = {
    listen_addresses: KERNEL,
    unix_socket_directories: folder,
    ssl: 'on',
    ssl_cert_file: join(folder, 'certificate.pem'),
    ssl_key_file: join(folder, 'key.pem'),
    fsync: 'off',
  }
  const set = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return await start(link, 5432, [...AS_NOBODY, 'postgres', '-D', data, ...set])
}

/** On port 6379, and 6380 for TLS. */
export async function startRedis(
  link: TapLink,
  { authority, certificate, key }: Certificates,
): Promise<RunningProcess> {
  const settings = {
    bind: KERNEL,
    port: '6379',
    'protected-mode': 'no',
    save: '',
    dir: link.folder,
    'tls-port': '6380',
    'tls-cert-file': certificate,
    'tls-key-file': key,
    'tls-ca-cert-file': authority,
    'tls-auth-clients': 'no',
  }
  const set = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  return await start(link, 6379, ['redis-server', ...set])
}

/** On port 3306, for the user `trial` with `PASSWORD`, in the clear and over TLS, with a database `trial`. */
export async function startMariadb(link: TapLink, certificates: Certificates): Promise<RunningProcess> {
  const folder = ownFolder(link, 'mariadb', certificates)
  const data = join(folder, 'data')
  const place = ['--no-defaults', `--datadir=${data}`]
  const small = ['--innodb-log-file-size=8M', '--innodb-flush-log-at-trx-commit=0']
  const [first, ...words] = [...AS_NOBODY, 'mariadb-install-db', ...place, '--skip-test-db', ...small]
  await link.namespace.run(first, [...words, '--auth-root-authentication-method=normal'])
  const sql = join(link.folder, 'users.sql')
  const user = `CREATE USER trial IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON *.* TO trial;`
  writeFileSync(sql, `CREATE DATABASE trial;\n${user.replace('; ', ';\n')}\n`)
  const options = [
    `--bind-address=${KERNEL}`,
    `--socket=${join(folder, 'socket')}`,
    `--pid-file=${join(folder, 'pid')}`,
    `--init-file=${sql}`,
    `--ssl-cert=${join(folder, 'certificate.pem')}`,
    `--ssl-key=${join(folder, 'key.pem')}`,
    '--max-allowed-packet=64M',
    '--local-infile=1',
    '--skip-name-resolve',
  ]
  return await start(link, 3306, [...AS_NOBODY, 'mariadbd', ...place, ...small, ...options])
}

async function start(link: TapLink, port: number, words: readonly string[]): Promise<RunningProcess> {
  const server = link.namespace.spawn(words[0], words.slice(1))
  await link.untilOpen(server, KERNEL, port)
  return server
}
