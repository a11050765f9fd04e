import type { Clock, Random } from '../../clock/index.ts'
import { blockDevice } from './block-device.ts'
import { type Device, device } from './device.ts'
import { httpClientDevice } from './http-client.ts'
import { httpServerDevice } from './http-server.ts'
import { keyValueStoreDevice } from './key-value-store.ts'
import { happyEyeballsDevice, resolverDevice, tlsDevice } from './name-devices.ts'
import { stackDevice } from './stack-device.ts'
import { syslogDevice } from './syslog.ts'

export type { BlockDevice, BlockDeviceOptions } from './block-device.ts'
export {
  checkDevice,
  type Device,
  type DeviceDeclarations,
  type DeviceOptions,
  type DeviceSetting,
  type DeviceValues,
  device,
  devicesInOrder,
} from './device.ts'
export type { HttpClient, HttpRequest, HttpResponse } from './http-client.ts'
export type { HttpHandler, HttpListener, HttpServer, ServeOptions } from './http-server.ts'
export type { KeyValueStore, KeyValueStoreOptions } from './key-value-store.ts'
export type { HappyEyeballsConnector } from './name-devices.ts'
export {
  argumentsOfStack,
  inGroup,
  inGroupOf,
  isStackDevice,
  type StackDevice,
  type StackDeviceOptions,
  valuesOfStack,
} from './stack-device.ts'

export type { Syslog, SyslogDeviceOptions, SyslogSendOptions } from './syslog.ts'

/** The devices that there are; `device()` makes others. */
export const devices = {
  stack: stackDevice,
  resolver: resolverDevice,
  happyEyeballs: happyEyeballsDevice,
  tls: tlsDevice,
  httpServer: httpServerDevice,
  httpClient: httpClientDevice,
  keyValueStore: keyValueStoreDevice,
  block: blockDevice,
  syslog: syslogDevice,
  /** Time and timers: those that the protocols have. */
  clock: (): Device<Clock> => device({ kind: 'clock', create: ({ clock }) => clock }),
  /** Cryptographic randomness. */
  random: (): Device<Random> => device({ kind: 'random', create: ({ random }) => random }),
} as const
