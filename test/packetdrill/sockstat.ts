/** FreeBSD's `sockstat ... | grep ...`: a list of sockets with their states, filtered and counted as the shell would. */

export interface SocketLine {
  localPort: number
  remotePort: number
  /** As FreeBSD spells it: `SYN_RCVD`, `TIME_WAIT`. */
  state: string
}

/** @returns the exit status of the last `grep`, 0 when it found something; 0 for what is no `sockstat` pipeline */
export function sockstat(pipeline: string, version: 'v4' | 'v6', sockets: readonly SocketLine[]): number {
  const [first, ...filters] = pipeline.split('|').map((command) => command.trim().split(/\s+/))
  if (first[0] !== 'sockstat' || filters.some(([name]) => name !== 'grep')) return 0
  const option = (name: string) => (first.includes(name) ? first[first.indexOf(name) + 1] : null)
  const port = option('-p')
  // With one of the two, only sockets of that family.
  const asked = ['-4', '-6'].filter((name) => first.includes(name))
  let lines =
    asked.length === 1 && asked[0] !== version.replace('v', '-')
      ? []
      : sockets
          .filter(({ localPort, remotePort }) => port === null || [localPort, remotePort].includes(Number(port)))
          .map(
            ({ localPort, remotePort, state }) =>
              `root packetdrill 1 3 ${version.replace('v', 'tcp')} *:${localPort} *:${remotePort} ${state}`,
          )
  let status = 0
  for (const [, ...words] of filters) {
    const pattern = words.filter((word) => !word.startsWith('-')).join(' ')
    const wanted = !words.includes('-v')
    const found = lines.filter((line) => line.includes(pattern) === wanted)
    status = found.length === 0 ? 1 : 0
    lines = words.includes('-c') ? [String(found.length)] : found
  }
  return status
}
