/** A virtual machine by software emulation, for tests that want somebody else's network card at the other end. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Namespace, RunningProcess } from '../support/namespace.ts'

/** What scripts/guest-kernel.mjs has put there. */
const KERNEL = fileURLToPath(new URL('../../build/guest', import.meta.url))

/** Why there can be no guest, or null. */
export function guestMissing(): string | null {
  return existsSync(join(KERNEL, 'vmlinuz')) ? null : 'no kernel for a guest: npm run test:qemu fetches it'
}

/**
 * Loads what it needs, says that it is ready, and then does what it is told over the serial line, a line at a time. Addresses of
 * IPv6 are used at once, without asking whether anybody has them.
 */
const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod $module; done
stty -echo
for each in all default; do echo 0 > /proc/sys/net/ipv6/conf/$each/accept_dad; done
ip link set lo up
echo guest ready
while read -r line; do
  eval "$line" 2>&1
  echo "guest status $?"
done
poweroff -f
`

export class Guest implements AsyncDisposable {
  readonly #process: RunningProcess
  readonly #folder: string

  /**
   * Boots a kernel of Debian's with busybox in a file system in memory.
   * @param networks each an argument of `-netdev` but for its id: eth0, eth1, ...
   * @throws Error with what it has printed, if it is not up within two minutes
   */
  static async boot(namespace: Namespace, networks: readonly string[]): Promise<Guest> {
    const folder = mkdtempSync(join(tmpdir(), 'tapstack-guest-'))
    const initrd = makeInitrd(folder)
    const cards = networks.flatMap((network, i) => [
      ...['-netdev', network.replace(',', `,id=n${i},`)],
      // In the order of their slots they get their names.
      ...['-device', `virtio-net-pci,netdev=n${i},addr=0x${(i + 3).toString(16)}`],
    ])
    const guest = new Guest(
      namespace.spawn('qemu-system-x86_64', [
        ...['-machine', 'pc,accel=tcg', '-cpu', 'max', '-m', '192', '-nodefaults', '-no-reboot', '-display', 'none'],
        ...['-kernel', join(KERNEL, 'vmlinuz'), '-initrd', initrd],
        ...['-append', 'console=ttyS0 quiet loglevel=1 panic=-1', '-serial', 'stdio', ...cards],
      ]),
      folder,
    )
    try {
      await guest.#process.waitFor('guest ready', 120_000)
    } catch (error) {
      await guest[Symbol.asyncDispose]()
      throw error
    }
    return guest
  }

  private constructor(process: RunningProcess, folder: string) {
    this.#process = process
    this.#folder = folder
  }

  /**
   * Runs a line of shell in it.
   * @param timeout milliseconds
   * @returns what it has printed
   * @throws Error with that, if it fails
   */
  async run(line: string, timeout = 60_000): Promise<string> {
    this.#process.stdout = ''
    this.#process.write(`${line}\n`)
    const [text, output, status] = await this.#process.waitFor(/^([\s\S]*?)guest status (\d+)\r?\n/, timeout)
    if (status !== '0') throw new Error(`in the guest: ${line}: ${text}`)
    return output!.replaceAll('\r\n', '\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true })
  }
}

/** @returns the archive's name */
function makeInitrd(folder: string): string {
  const root = join(folder, 'root')
  for (const each of ['bin', 'proc', 'sys', 'dev', 'tmp', 'modules']) mkdirSync(join(root, each), { recursive: true })
  const busybox = run('sh', ['-c', 'command -v busybox']).trim()
  copyFileSync(busybox, join(root, 'bin', 'busybox'))
  // Nothing where it is a static one.
  const libraries = spawnSync('ldd', [busybox], { encoding: 'utf8' }).stdout.matchAll(/(?:=> |^\s*)(\/\S+)/gm)
  for (const [, library] of libraries) {
    mkdirSync(join(root, dirname(library!)), { recursive: true })
    cpSync(library!, join(root, library!), { dereference: true })
  }
  for (const file of readdirSync(KERNEL)) {
    if (file.endsWith('.ko')) copyFileSync(join(KERNEL, file), join(root, 'modules', basename(file)))
  }
  writeFileSync(join(root, 'init'), INIT, { mode: 0o755 })
  run('sh', ['-c', `cd ${root} && find . | busybox cpio -o -H newc | gzip -1 > ../initrd`])
  return join(folder, 'initrd')
}

function run(command: string, words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr}`)
  return stdout
}
