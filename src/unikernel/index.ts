export type {
  AddressArgument,
  ArgumentDeclaration,
  ArgumentDeclarations,
  ArgumentValue,
  ArgumentValues,
  BooleanArgument,
  ChoiceArgument,
  CustomArgument,
  DurationArgument,
  EndpointArgument,
  IntegerArgument,
  NumberArgument,
  PortArgument,
  PrefixArgument,
  StringArgument,
} from './arguments.ts'
export { BadArgument } from './arguments.ts'
export { completeArguments } from './complete-arguments.ts'
export { compositionOf } from './composition.ts'
export {
  type BlockDevice,
  type BlockDeviceOptions,
  type Device,
  type DeviceDeclarations,
  type DeviceOptions,
  type DeviceSetting,
  type DeviceValues,
  device,
  devices,
  type HappyEyeballsConnector,
  type HttpClient,
  type HttpHandler,
  type HttpListener,
  type HttpRequest,
  type HttpResponse,
  type HttpServer,
  type KeyValueStore,
  type KeyValueStoreOptions,
  type ServeOptions,
  type StackDevice,
  type StackDeviceOptions,
  type Syslog,
  type SyslogDeviceOptions,
  type SyslogSendOptions,
} from './devices/index.ts'
export { type EnvironmentStack, environmentOf, stackOfEnvironment } from './environment-stack.ts'
export { SANDBOX_VARIABLE } from './ipv4-addressing.ts'
export type { Lifecycle, MemoryStatistics, Removal } from './lifecycle.ts'
export type { LogControl } from './log-control.ts'
export { isPartOfStack } from './log-levels.ts'
export { EXIT_USAGE, run } from './run.ts'
export type { RunOptions } from './run-options.ts'
export type { SyslogData, SyslogFacility, SyslogSeverity } from './syslog.ts'
export {
  isUnikernel,
  type Unikernel,
  type UnikernelContext,
  type UnikernelOptions,
  type UnikernelSetting,
  unikernel,
} from './unikernel.ts'
