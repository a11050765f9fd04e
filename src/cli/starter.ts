import { readFileSync } from 'node:fs'

/** Milliseconds between looks at whether who has started us is still there. */
const INTERVAL = 500
/** npm calls itself so while it runs for npx. */
const NPX = /^npm exec\b/

/**
 * npx has a shell in between, to which it passes signals on, and which they end: neither tells us, and we would go on with nobody
 * who knows of us. Not so where somebody else has started us: who puts us into the background may leave.
 * @param handler called once npx, or its shell, is gone
 * @returns what ends the watch, which does not hold the process
 */
export function onStarterGone(handler: () => void): () => void {
  const parent = process.ppid
  if (process.env.npm_command !== 'exec' || !isOfNpx(parent)) return () => {}
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    handler()
  }, INTERVAL)
  timer.unref()
  return () => clearInterval(timer)
}

/** Whether it is npx, or the shell that npx has started. */
function isOfNpx(pid: number): boolean {
  return NPX.test(commandLineOf(pid)) || NPX.test(commandLineOf(parentOf(pid)))
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** 0 for none. */
function parentOf(pid: number): number {
  try {
    // proc_pid_stat(5): behind the name, which may have anything in it, stand the state and the parent.
    const [, parent] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    return Number(parent)
  } catch {
    return 0
  }
}
