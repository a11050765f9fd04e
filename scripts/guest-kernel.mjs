// The kernel of the virtual machine that `npm run test:qemu` boots: Debian's for clouds, taken out of its package and not installed.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './set-up.mjs'

/** Depends on the newest one. */
const PACKAGE = 'linux-image-cloud-amd64'
/** Where it stays, for the next time. */
const FOLDER = join(root, 'build', 'guest')

/** What a guest needs for virtio-net on PCI, in the order in which it is loaded. */
export const GUEST_MODULES = [
  'drivers/virtio/virtio_ring.ko',
  'drivers/virtio/virtio.ko',
  'drivers/virtio/virtio_pci_modern_dev.ko',
  'drivers/virtio/virtio_pci_legacy_dev.ko',
  'drivers/virtio/virtio_pci.ko',
  'net/core/failover.ko',
  'drivers/net/net_failover.ko',
  'drivers/net/virtio_net.ko',
]

/** Fetches it if it is not there. @returns why it could not be, or null */
export function fetchGuestKernel() {
  if (existsSync(FOLDER)) return null
  const missing = fetchFromLists()
  if (missing === null || process.geteuid() !== 0) return missing
  // The lists of packages are fetched only if they are needed, or too old: mostly they are there.
  spawnSync('apt-get', ['update', '-q'], { stdio: ['ignore', 'ignore', 'inherit'] })
  return fetchFromLists()
}

function fetchFromLists() {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-guest-'))
  try {
    const name = run('apt-cache', ['depends', '--no-suggests', '--no-recommends', PACKAGE]).match(
      /linux-image-\d\S*/,
    )?.[0]
    if (name === undefined) return `there is no package ${PACKAGE}`
    console.log(`Fetching the kernel of a guest, which is not installed: ${name}`)
    // As another user than root apt-get could not write here, and says so.
    run('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', name], folder)
    const [archive] = readdirSync(folder)
    run('dpkg-deb', ['-x', archive, 'contents'], folder)
    const made = join(folder, 'guest')
    mkdirSync(made)
    const boot = join(folder, 'contents', 'boot')
    copyFileSync(
      join(
        boot,
        readdirSync(boot).find((file) => file.startsWith('vmlinuz')),
      ),
      join(made, 'vmlinuz'),
    )
    const modules = join(folder, 'contents', 'lib', 'modules')
    const kernel = join(modules, readdirSync(modules)[0], 'kernel')
    for (const [index, module] of GUEST_MODULES.entries()) {
      copyFileSync(join(kernel, module), join(made, `module-${index}.ko`))
    }
    mkdirSync(join(root, 'build'), { recursive: true })
    run('cp', ['-r', made, `${FOLDER}.part`])
    renameSync(`${FOLDER}.part`, FOLDER)
    return null
  } catch (error) {
    return error.message
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function run(command, words, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, words, { cwd, encoding: 'utf8' })
  if (error !== undefined) throw new Error(`${command}: ${error.message}`)
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr.trim()}`)
  return stdout
}
