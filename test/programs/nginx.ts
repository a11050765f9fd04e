/** nginx on the kernel's stack, in front of a Node program. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificates } from './certificates.ts'
import { KERNEL, KERNEL6, STACK, type TapLink } from './tap-link.ts'

const LARGE = 50_000_000

/**
 * Starts it on port 80, and on 443 with TLS and HTTP/2: `/text` is compressed for who takes that, `/large` is long, what
 * lies under `/node/` is answered by `backend.mjs`, and under `/stack/` by a server on the stack.
 * @returns the SHA-256 of `/large`
 */
export async function startNginx(link: TapLink, { certificate, key }: Certificates): Promise<string> {
  const { folder } = link
  mkdirSync(join(folder, 'pages'))
  writeFileSync(join(folder, 'pages/text'), 'All work and no play makes Jack a dull boy.\n'.repeat(20_000))
  const large = Buffer.alloc(LARGE)
  for (let i = 0; i < LARGE; i += 4) large.writeInt32LE(Math.imul(i, 0x9e3779b1) | 0, i)
  writeFileSync(join(folder, 'pages/large'), large)
  writeFileSync(join(folder, 'nginx.conf'), configuration(folder, certificate, key))
  await link.kernelProgram('backend.mjs').waitFor('listening', 30_000)
  const nginx = link.namespace.spawn('nginx', [
    '-e',
    join(folder, 'errors'),
    '-p',
    folder,
    '-c',
    join(folder, 'nginx.conf'),
  ])
  await link.untilOpen(nginx, KERNEL, 80)
  return createHash('sha256').update(large).digest('hex')
}

function configuration(folder: string, certificate: string, key: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
  access_log off;
  default_type text/plain;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  gzip on;
  gzip_types text/plain;
  gzip_min_length 1000;
  keepalive_requests 1000;
  client_max_body_size 100m;
  upstream node { server 127.0.0.1:9000; keepalive 8; }
  upstream stack { server ${STACK}:80; keepalive 8; }
  server {
    listen ${KERNEL}:80;
    listen [${KERNEL6}]:80;
    listen ${KERNEL}:443 ssl http2;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:sessions:1m;
    root ${folder}/pages;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_request_buffering off;
    location = /connection { return 200 "$connection $connection_requests"; }
    location /large { gzip off; }
    location /node/ { proxy_pass http://node/; }
    location /stack/ { proxy_pass http://stack/; }
  }
}
`
}
