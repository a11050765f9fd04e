#!/usr/bin/env node
// `npm test`: all set-up, then every test; arguments go to vitest. With CI=true a skipped test is a failure.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { fetchGuestKernel } from './guest-kernel.mjs'
import { buildOptionalPackages } from './optional-packages.mjs'
import { buildPingWhereMissing, onPath, root, runScript, setUp } from './set-up.mjs'

/** Programs that tests use, with the Debian packages that hold them. */
const PROGRAMS = {
  'atk6-fuzz_ip6': 'thc-ipv6',
  busybox: 'busybox',
  curl: 'curl',
  dhcpd: 'isc-dhcp-server',
  dnsmasq: 'dnsmasq-base',
  ethtool: 'ethtool',
  git: 'git',
  ip: 'iproute2',
  'kea-dhcp4': 'kea-dhcp4-server',
  'kea-dhcp6': 'kea-dhcp6-server',
  nc: 'netcat-openbsd',
  ndisc6: 'ndisc6',
  nmap: 'nmap',
  openssl: 'openssl',
  'pcap-config': 'libpcap-dev',
  zsh: 'zsh',
  ping: 'iputils-ping',
  radvd: 'radvd',
  script: 'bsdutils',
  setpriv: 'util-linux',
  strace: 'strace',
  'syslog-ng': 'syslog-ng-core',
  tcpdump: 'tcpdump',
  tshark: 'tshark',
  unbound: 'unbound',
  unshare: 'util-linux',
  wrk: 'wrk',
}

/** What `npm run test:programs` uses besides. */
const SERVERS = {
  chromium: 'chromium',
  h2load: 'nghttp2-client',
  initdb: 'postgresql',
  mariadbd: 'mariadb-server',
  nghttpd: 'nghttp2-server',
  nginx: 'nginx-light',
  'redis-server': 'redis-server',
  socat: 'socat',
}

/** What `npm run test:qemu` uses besides. */
const MACHINES = {
  'qemu-system-x86_64': 'qemu-system-x86',
}

/** Where Debian puts the programs of PostgreSQL's server: one folder for each version, on nobody's path. */
const POSTGRESQL = '/usr/lib/postgresql'

await runScript(async () => {
  installPrograms()
  setUp()
  buildPingWhereMissing()
  if (process.env.TAPSTACK_QEMU !== undefined) {
    const missing = fetchGuestKernel()
    if (missing !== null) console.log(`No kernel for a guest, tests that need one are skipped: ${missing}`)
  }
  buildOptionalPackages()
  return await runTests()
})

/** As root on Debian, installs what is missing; elsewhere names it, and the tests that need it are skipped. */
function installPrograms() {
  const programs = {
    ...PROGRAMS,
    ...(process.env.TAPSTACK_PROGRAMS === undefined ? {} : SERVERS),
    ...(process.env.TAPSTACK_QEMU === undefined ? {} : MACHINES),
  }
  findPostgresql()
  const missing = Object.keys(programs).filter((program) => onPath(program) === null)
  if (missing.length === 0) return
  const packages = [...new Set(missing.map((program) => programs[program]))]
  if (process.geteuid() === 0 && existsSync('/etc/debian_version') && onPath('apt-get') !== null) {
    console.log(`Installing Debian packages for the tests: ${packages.join(' ')}`)
    const install = ['install', '-y', '-q', '--no-install-recommends', ...packages]
    // The lists of packages are fetched only if they are needed: mostly they are there.
    if (withoutServices(() => aptGet(install) || (aptGet(['update', '-q']) && aptGet(install)))) {
      findPostgresql()
      return
    }
    console.log('That failed.')
  }
  console.log(`Not installed: ${missing.join(', ')}. Tests that need them are skipped. On Debian and Ubuntu:`)
  console.log(`  sudo apt-get install ${packages.join(' ')}`)
}

/**
 * Some of them are servers, and Debian starts a server that is installed, with the network that the machine has. Tests
 * start their own inside namespaces. What this file says is asked before a service is started (invoke-rc.d): 101 forbids.
 */
function withoutServices(install) {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return install()
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    return install()
  } finally {
    rmSync(policy)
  }
}

function findPostgresql() {
  if (onPath('initdb') !== null || !existsSync(POSTGRESQL)) return
  for (const version of readdirSync(POSTGRESQL)) process.env.PATH += `:${POSTGRESQL}/${version}/bin`
}

function aptGet(words) {
  const { status } = spawnSync('apt-get', words, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return status === 0
}

function runTests() {
  const vitest = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  // A terminal sends these to vitest as well; it ends its workers, and we end with it.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => vitest.kill(signal))
  return new Promise((resolve) => {
    vitest.on('exit', (code, signal) => resolve(signal === null ? code : 128 + constants.signals[signal]))
  })
}
