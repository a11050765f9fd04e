import { expect, it } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, Namespace, type RunningProcess } from '../support/namespace.ts'

const PROGRAM = 'test/tap/programs/open.ts'

/** A program that has a tap open, talked to in lines. */
class Opened implements AsyncDisposable {
  readonly running: RunningProcess
  #lines = 0

  constructor(running: RunningProcess) {
    this.running = running
  }

  /** The next line that it prints. */
  async answer() {
    const skip = this.#lines++
    const match = await this.running.waitFor(new RegExp(`^(?:.*\\n){${skip}}(.*)\\n`))
    return JSON.parse(match[1])
  }

  async ask(line: string) {
    this.running.write(`${line}\n`)
    return this.answer()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running.kill('SIGKILL')
  }
}

function open(namespace: Namespace, options: object): Opened {
  return new Opened(namespace.spawnNode(PROGRAM, [JSON.stringify(options)]))
}

/** As root that has lost all its capabilities: may open /dev/net/tun, which it owns, and nothing else. */
function openUnprivileged(namespace: Namespace, options: object): Opened {
  const node = [process.execPath, '--import', import.meta.resolve('tsx'), PROGRAM, JSON.stringify(options)]
  return new Opened(namespace.spawn('setpriv', ['--bounding-set=-all', '--inh-caps=-all', '--', ...node]))
}

async function links(namespace: Namespace): Promise<{ ifname: string; flags: string[] }[]> {
  return JSON.parse((await namespace.run('ip', ['-json', 'link', 'show'])).stdout)
}

async function hasLink(namespace: Namespace, name: string): Promise<boolean> {
  return (await links(namespace)).some((link) => link.ifname === name)
}

describeWithNamespaces('opening a tap', () => {
  it('makes one that did not exist, up, with all offloads, and takes it away on close', async () => {
    await using namespace = await Namespace.create()
    await using tap = open(namespace, { name: 'tap7' })
    const opened = await tap.answer()
    expect(opened).toMatchObject({
      name: 'tap7',
      mtu: 1500,
      isUp: true,
      features: { checksumOffload: true, tcp4Segmentation: true, tcp6Segmentation: true },
    })
    expect(opened.mac).toMatch(/^.[26ae]:/)
    expect(opened.mac).not.toBe(opened.kernelMac)
    expect(await hasLink(namespace, 'tap7')).toBe(true)
    await tap.ask('close')
    expect(await hasLink(namespace, 'tap7')).toBe(false)
  })

  it('lets the kernel choose the name, or its number', async () => {
    await using namespace = await Namespace.create()
    await using first = open(namespace, {})
    await using second = open(namespace, { name: 'box%d' })
    expect((await first.answer()).name).toBe('tap0')
    expect((await second.answer()).name).toBe('box0')
  })

  it('attaches to a persistent tap, which survives it with the same two addresses', async () => {
    await using namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    let before: { mac: string; kernelMac: string }
    {
      await using tap = open(namespace, { name: 'tap0' })
      before = await tap.answer()
      await tap.ask('close')
      expect(await hasLink(namespace, 'tap0')).toBe(true)
    }
    await using again = open(namespace, { name: 'tap0' })
    expect(await again.answer()).toMatchObject({ mac: before.mac, kernelMac: before.kernelMac })
  })

  it('makes one persistent that survives even a killed process', async () => {
    await using namespace = await Namespace.create()
    await using tap = open(namespace, { name: 'kept', persist: true })
    await tap.answer()
    await tap.running.kill('SIGKILL')
    expect(await hasLink(namespace, 'kept')).toBe(true)
  })

  it('does not undo persistence when it is opened without asking for it', async () => {
    await using namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    await using tap = open(namespace, { name: 'tap0', persist: false })
    await tap.answer()
    await tap.running.kill('SIGKILL')
    expect(await hasLink(namespace, 'tap0')).toBe(true)
  })

  it('takes one queue of a tap with several', async () => {
    await using namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'many', 'mode', 'tap', 'multi_queue'])
    await using tap = open(namespace, { name: 'many' })
    expect(await tap.answer()).toMatchObject({ name: 'many', isUp: true })
  })

  it('does without offload where that is asked for, also after an owner who had it', async () => {
    await using namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    {
      await using tap = open(namespace, { name: 'tap0' })
      await tap.answer()
      expect((await namespace.run('ip', ['-details', 'link', 'show', 'tap0'])).stdout).toContain('vnet_hdr on')
      await tap.ask('close')
    }
    await using tap = open(namespace, { name: 'tap0', offload: false })
    expect(await tap.answer()).toMatchObject({
      features: { checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false },
    })
    expect((await namespace.run('ip', ['-details', 'link', 'show', 'tap0'])).stdout).toContain('vnet_hdr off')
  })

  it('reads and sets MTU, state and the address of the kernel end', async () => {
    await using namespace = await Namespace.create()
    await using tap = open(namespace, { name: 'tap0', mtu: 9000, up: false, mac: '02:00:00:00:00:99' })
    expect(await tap.answer()).toMatchObject({ mtu: 9000, isUp: false, mac: '02:00:00:00:00:99' })
    expect(await tap.ask('up')).toMatchObject({ isUp: true })
    expect(await tap.ask('mtu 1400')).toMatchObject({ mtu: 1400 })
    expect(await tap.ask('address 02:00:00:00:00:42')).toMatchObject({ kernelMac: '02:00:00:00:00:42' })
    const shown = (await namespace.run('ip', ['link', 'show', 'tap0'])).stdout
    expect(shown).toContain('mtu 1400')
    expect(shown).toContain('02:00:00:00:00:42')
    expect(await tap.ask('mtu 65522')).toMatchObject({ code: 'EINVAL', syscall: 'ioctl SIOCSIFMTU' })
    expect(await tap.ask('down')).toMatchObject({ isUp: false })
  })

  it('counts frames that a device which is down refuses, and sends again once it is up', async () => {
    await using namespace = await Namespace.create()
    await using tap = open(namespace, { name: 'tap0', up: false })
    await tap.answer()
    expect((await tap.ask('send')).counters).toMatchObject({ transmitError: 1, transmittedFrames: 0 })
    await tap.ask('up')
    expect((await tap.ask('send')).counters).toMatchObject({ transmitError: 1, transmittedFrames: 1 })
  })

  it('takes over an attached descriptor, also when the device is in another namespace', async () => {
    await using namespace = await Namespace.create()
    await using other = await Namespace.create()
    await using child = new Opened(namespace.spawnNode('test/tap/programs/pass.ts', ['tap0', String(other.pid)]))
    expect(await child.answer()).toMatchObject({
      here: { name: 'tap0', mtu: 1500, isUp: true, features: { checksumOffload: true, tcp4Segmentation: true } },
      there: { name: 'tap1', mtu: 1500, isUp: null, features: { checksumOffload: true, tcp4Segmentation: true } },
    })
  })
})

describeWithNamespaces('a tap that cannot be opened', () => {
  it('is busy: EBUSY, with what to do', async () => {
    await using namespace = await Namespace.create()
    await using first = open(namespace, { name: 'tap0' })
    await first.answer()
    await using second = open(namespace, { name: 'tap0' })
    expect(await second.answer()).toMatchObject({
      code: 'EBUSY',
      errno: -16,
      syscall: 'ioctl TUNSETIFF',
      hint: 'another process is attached to tap0; close it or choose another name',
    })
    await first.ask('close')
    await using third = open(namespace, { name: 'tap0' })
    expect(await third.answer()).toMatchObject({ name: 'tap0' })
  })

  it('belongs to nobody, for a user without privileges: EPERM, with three ways out', async (context) => {
    requires(context, 'setpriv')
    await using namespace = await Namespace.create()
    await using tap = openUnprivileged(namespace, { name: 'tap5' })
    const error = await tap.answer()
    expect(error).toMatchObject({ code: 'EPERM', syscall: 'ioctl TUNSETIFF' })
    expect(error.hint).toContain('run as root')
    expect(error.hint).toContain('ip tuntap add dev tap5 mode tap user $USER')
    expect(error.hint).toContain('tapstack sandbox')
  })

  it("is another user's: EPERM, and `ip tuntap add` alone would not help", async (context) => {
    // A user namespace of an ordinary user has no other user in it whose the device could be.
    requires(context, 'setpriv', 'root')
    await using namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'theirs', 'mode', 'tap', 'user', '12345'])
    await using tap = openUnprivileged(namespace, { name: 'theirs' })
    const error = await tap.answer()
    expect(error).toMatchObject({ code: 'EPERM', syscall: 'ioctl TUNSETIFF' })
    expect(error.hint).toContain("theirs exists and is another user's")
    expect(error.hint).toContain(
      'ip tuntap del dev theirs mode tap && sudo ip tuntap add dev theirs mode tap user $USER',
    )
  })

  it('is an interface of another kind: EINVAL', async () => {
    await using namespace = await Namespace.create()
    await using tap = open(namespace, { name: 'lo' })
    expect(await tap.answer()).toMatchObject({
      code: 'EINVAL',
      syscall: 'ioctl TUNSETIFF',
      hint: 'lo exists and is of another kind: "packet:lo" takes an Ethernet interface that is there',
    })
  })

  it('opens for an owner without privileges, who may not set it up', async (context) => {
    requires(context, 'setpriv')
    await using namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'mine', 'mode', 'tap', 'user', 'root'])
    {
      await using tap = openUnprivileged(namespace, { name: 'mine' })
      expect(await tap.answer()).toMatchObject({ name: 'mine', isUp: false, features: { tcp4Segmentation: true } })
    }
    {
      await using tap = openUnprivileged(namespace, { name: 'mine', up: true })
      expect(await tap.answer()).toMatchObject({ code: 'EPERM', syscall: 'ioctl SIOCSIFFLAGS' })
    }
    {
      await using tap = openUnprivileged(namespace, { name: 'mine', mtu: 1280 })
      expect(await tap.answer()).toMatchObject({ mtu: 1280 })
    }
    await using tap = openUnprivileged(namespace, { name: 'mine', mtu: 9000 })
    expect(await tap.answer()).toMatchObject({ code: 'EPERM', syscall: 'ioctl SIOCSIFMTU' })
  })
})
