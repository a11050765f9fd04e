// Says on each of two networks which one it is.
import { devices, unikernel } from 'tapstack'

export default unikernel({
  name: 'two-networks',
  devices: {
    left: devices.stack({ group: 'left', defaults: { ipv4: '10.0.0.2/24' } }),
    right: devices.stack({ group: 'right', defaults: { ipv4: '10.1.0.2/24' } }),
  },
  async start({ left, right, log }) {
    for (const [name, stack] of [
      ['left', left],
      ['right', right],
    ]) {
      await stack.listen({ port: 7 }, async (flow) => {
        await flow.write(name)
        await flow.close()
      })
    }
    log.info('listening on both')
  },
})
