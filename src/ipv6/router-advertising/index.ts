export type { AdvertisedPrefix, AdvertisedRoute, RouterAdvertisementSettings } from './advertisement.ts'
export { RouterAdvertiser, type RouterAdvertiserCounters } from './router-advertiser.ts'
