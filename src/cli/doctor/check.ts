/** What was looked at, how it is, and what a person can do about it. */
export interface Check {
  readonly name: string
  /** `missing`: without it no service runs on a tap; `warning`: something else does not, or not as well. */
  readonly status: 'ok' | 'warning' | 'missing'
  /** What was found, in a few words. */
  readonly found: string
  /** How to mend it, each on its own and as one would type it; a line that is no command ends with a full stop. */
  readonly mend: readonly string[]
}

export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found, mend: [] }
}

export function warning(name: string, found: string, ...mend: string[]): Check {
  return { name, status: 'warning', found, mend }
}

export function missing(name: string, found: string, ...mend: string[]): Check {
  return { name, status: 'missing', found, mend }
}
