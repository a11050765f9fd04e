/**
 * What stands behind the colon of `--interface KIND:ADDRESS,option=value`, taken apart. A comma that a word and `=` follow, or
 * nothing, begins an option; `,,` is a comma of the address, as in the options of QEMU.
 */

/** One option that a kind of interface has. */
export interface InterfaceOption<Value> {
  /** How it is written, and what fits: `queues=N (1 to 16)`. */
  readonly form: string
  /** Undefined for what does not fit. */
  parse(value: string): Value | undefined
}

/** In one line, "expected this, not that"; nothing of it says which argument it was. */
export class InterfaceTextError extends TypeError {
  constructor(expected: string, instead: string) {
    super(`expected ${expected}, not ${instead}`)
    this.name = 'InterfaceTextError'
  }
}

type Options<Kinds> = {
  -readonly [Name in keyof Kinds]?: Kinds[Name] extends InterfaceOption<infer Value> ? Value : never
}

/** To the end of the text: options and nothing else. */
const OPTIONS = /(?<!,)(?:,,)*((?:,(?!,)(?:[a-z][\w-]*)?(?:=(?:[^,]|,,)*)?)+)$/i
const OPTION = /,([a-z][\w-]*)?(=(?:[^,]|,,)*)?/giy

/** @throws InterfaceTextError for an option that `kinds` has not, that is given twice, or whose value does not fit */
export function parseOptions<Kinds extends Readonly<Record<string, InterfaceOption<unknown>>>>(
  text: string,
  kinds: Kinds,
): { address: string; options: Options<Kinds> } {
  const start = text.length - (OPTIONS.exec(text)?.[1]?.length ?? 0)
  const options: Record<string, unknown> = {}
  for (const [written, name = '', value = ''] of text.slice(start).matchAll(OPTION)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
    if (kind === undefined) {
      const instead = written === ',' ? 'nothing' : JSON.stringify(written.slice(1))
      throw new InterfaceTextError(`${formsOf(kinds)} behind the comma`, instead)
    }
    if (Object.hasOwn(options, name)) throw new InterfaceTextError(`${name} once`, 'twice')
    const parsed = value === '' ? undefined : kind.parse(unescaped(value.slice(1)))
    if (parsed === undefined) throw new InterfaceTextError(kind.form, JSON.stringify(written.slice(1)))
    options[name] = parsed
  }
  return { address: unescaped(text.slice(0, start)), options: options as Options<Kinds> }
}

function unescaped(text: string): string {
  return text.replaceAll(',,', ',')
}

function formsOf(kinds: Readonly<Record<string, InterfaceOption<unknown>>>): string {
  const forms = Object.values(kinds).map(({ form }) => form)
  const last = forms.pop()
  if (last === undefined) return 'nothing'
  return forms.length === 0 ? last : `${forms.join(', ')} or ${last}`
}

/** What is wrong with a text, or undefined. @param parse throws `InterfaceTextError` for it */
export function problemOf(parse: () => unknown): string | undefined {
  try {
    parse()
    return undefined
  } catch (error) {
    if (error instanceof InterfaceTextError) return error.message
    throw error
  }
}

/** Digits alone. */
export function integerOption(name: string, least: number, most: number): InterfaceOption<number> {
  return {
    form: `${name}=N (${least} to ${most})`,
    parse(text) {
      const value = /^\d{1,6}$/.test(text) ? Number(text) : -1
      return value >= least && value <= most ? value : undefined
    },
  }
}
