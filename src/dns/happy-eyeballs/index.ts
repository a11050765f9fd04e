export { type ConnectByName, connectByName } from './connect-by-name.ts'
export { type AddressSort, type HappyAction, type HappyAddress, HappyEyeballs, interleaved } from './happy-eyeballs.ts'
export { DEFAULT_HAPPY_EYEBALLS, type HappyEyeballsSettings, happyEyeballsSettings } from './settings.ts'
