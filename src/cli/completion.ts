import type { Command } from 'commander'
import { completeArguments } from '../unikernel/index.ts'
import { loadUnikernel } from './run.ts'

export const SHELLS = ['bash', 'zsh'] as const
export type Shell = (typeof SHELLS)[number]

/** What `tapstack complete` prints where the shell is to offer files. */
const FILES = ':files'

// bash takes `=` and `:` for the ends of words and wants back what follows the last of them, so the line is split anew here
// and what bash has already is taken off again.
const BASH = `# Completion of tapstack for bash. In ~/.bashrc: source <(tapstack completion bash)
_tapstack() {
  local line="\${COMP_LINE:0:COMP_POINT}" words answer current
  read -ra words <<< "$line"
  [[ "$line" == *[[:space:]] ]] && words+=("")
  current="\${words[-1]}"
  COMPREPLY=()
  answer="$("\${words[0]}" complete -- "\${words[@]:1}" 2> /dev/null)"
  if [[ "$answer" == '${FILES}' ]]; then
    compopt -o default 2> /dev/null
    return
  fi
  mapfile -t COMPREPLY <<< "$answer"
  [[ -z "$answer" ]] && COMPREPLY=()
  local taken="\${current%"\${current##*[=:]}"}"
  COMPREPLY=("\${COMPREPLY[@]#"$taken"}")
}
complete -F _tapstack tapstack
`

const ZSH = `#compdef tapstack
# Completion of tapstack for zsh. In ~/.zshrc, after compinit: source <(tapstack completion zsh)
_tapstack() {
  local answer
  answer="$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2> /dev/null)"
  if [[ "$answer" == '${FILES}' ]]; then
    _files
  elif [[ -n "$answer" ]]; then
    compadd -- "\${(@f)answer}"
  fi
}
compdef _tapstack tapstack
`

/** A script that teaches a shell to complete the command lines of `tapstack`. */
export function completionScript(shell: Shell): string {
  return shell === 'bash' ? BASH : ZSH
}

/**
 * What may stand in the place of the last of `words`, one to a line.
 * @param words what stands after `tapstack`, up to the cursor
 */
export async function complete(program: Command, words: readonly string[]): Promise<string> {
  const found = await candidates(program, words)
  return found === 'files' ? `${FILES}\n` : found.map((word) => `${word}\n`).join('')
}

async function candidates(program: Command, words: readonly string[]): Promise<string[] | 'files'> {
  const current = words.at(-1) ?? ''
  const shown = program.commands.filter((each) => each.name() !== 'complete')
  if (words.length <= 1)
    return [...shown.map((each) => each.name()), ...flags(program)].filter((each) => each.startsWith(current))
  const [first] = words
  const command = shown.find((each) => each.name() === first)
  if (command === undefined) return []
  if (first === 'completion') return SHELLS.filter((shell) => shell.startsWith(current))
  const takesFile = command.registeredArguments[0]?.name() === 'FILE'
  if (takesFile && words.length > 2 && !words[1].startsWith('-')) return ofApplication(words[1], words.slice(2))
  if (current.startsWith('-')) return flags(command).filter((each) => each.startsWith(current))
  return takesFile || first === 'sandbox' || first === 'exec' ? 'files' : []
}

function flags(command: Command): string[] {
  return [...command.options.flatMap(({ long }) => (long ? [long] : [])), '--help']
}

async function ofApplication(file: string, words: readonly string[]): Promise<string[] | 'files'> {
  try {
    return completeArguments(await loadUnikernel(file), words)
  } catch {
    // Not an application, or not one yet: nothing to offer, and no place to say why.
    return []
  }
}
