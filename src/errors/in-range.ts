/** @returns `value` @throws RangeError naming what it is, unless it is a number from `least` to `most` */
export function inRange(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value
  throw new RangeError(`${name} is ${least} to ${most}, not ${value}`)
}

/** As `inRange`, for whole numbers. */
export function integerInRange(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value)) return inRange(name, value, least, most)
  throw new RangeError(`${name} is an integer from ${least} to ${most}, not ${value}`)
}
