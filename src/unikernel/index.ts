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
export { completeArguments } from './complete-arguments.ts'
export { SANDBOX_VARIABLE } from './ipv4-addressing.ts'
export { EXIT_USAGE, type RunOptions, run } from './run.ts'
export { isUnikernel, type Unikernel, type UnikernelContext, type UnikernelOptions, unikernel } from './unikernel.ts'
