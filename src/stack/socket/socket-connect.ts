import { isIPv4, Socket } from 'node:net'
import { AbortError, SystemError } from '../../errors/index.ts'
import { checkAddress, checkBoolean, checkInteger, checkPort } from '../options.ts'
import type { ConnectOptions } from '../stack.ts'
import { systemErrorOf } from './node-errors.ts'
import { BUFFER_BYTES } from './socket-flow.ts'

/**
 * A connected `net.Socket`, or the reason why there is none.
 * @param closing fires when the stack closes; the attempt then ends with ECONNABORTED
 */
export function connectSocket(options: ConnectOptions, closing: AbortSignal): Promise<Socket> {
  const remote = { address: checkAddress('address', options.address), port: checkPort('port', options.port, 1) }
  if (options.fastOpen !== undefined) checkBoolean('fastOpen', options.fastOpen)
  if (options.noDelay !== undefined) checkBoolean('noDelay', options.noDelay)
  const localPort = options.localPort === undefined ? undefined : checkPort('localPort', options.localPort, 0)
  const localAddress =
    options.localAddress === undefined ? undefined : checkAddress('localAddress', options.localAddress)
  const timeout = options.timeout === undefined ? 0 : checkInteger('timeout', options.timeout, 1, 2 ** 31 - 1)
  const signal = options.signal
  if (signal?.aborted) return Promise.reject(new AbortError(signal.reason))

  return new Promise((resolve, reject) => {
    const socket = new Socket({ allowHalfOpen: true, highWaterMark: BUFFER_BYTES } as object)
    let timer: NodeJS.Timeout | undefined

    const settle = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      closing.removeEventListener('abort', onClosing)
      socket.removeListener('error', onError)
      socket.removeListener('connect', onConnect)
    }
    const giveUp = (error: Error) => {
      settle()
      // Destroying a socket whose connect(2) is under way may report that as an error, which nobody is to see.
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    const onConnect = () => {
      settle()
      resolve(socket)
    }
    const onError = (error: Error) => giveUp(systemErrorOf(error, 'connect', remote))
    const onAbort = () => giveUp(new AbortError(signal?.reason))
    const onClosing = () => giveUp(new SystemError('ECONNABORTED', 'connect', remote))

    socket.on('error', onError)
    socket.on('connect', onConnect)
    signal?.addEventListener('abort', onAbort)
    closing.addEventListener('abort', onClosing)
    if (timeout > 0) timer = setTimeout(() => giveUp(new SystemError('ETIMEDOUT', 'connect', remote)), timeout)
    socket.connect({
      host: remote.address,
      port: remote.port,
      family: isIPv4(remote.address) ? 4 : 6,
      noDelay: options.noDelay ?? false,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(localPort === undefined ? {} : { localPort }),
    })
  })
}
