import { lookup } from 'node:dns'
import { Socket, type TcpNetConnectOpts } from 'node:net'

// `tapstack/register` moves these onto the stack, whose interface needs those that were there before.
const systemConnect = Socket.prototype.connect as (this: Socket, options: TcpNetConnectOpts) => Socket
const systemLookup = lookup

/** `net.connect` to a TCP port, on the sockets of the operating system whatever has become of Node's modules. */
export function connectOnSystem(options: TcpNetConnectOpts): Socket {
  return systemConnect.call(new Socket(options), { lookup: systemLookup, ...options })
}
