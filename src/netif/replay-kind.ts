import type { InterfaceKind } from './open-netif.ts'
import { openReplay, type ReplayOptions } from './replay.ts'

type Target = Pick<ReplayOptions, 'speed' | 'timing' | 'record'> & { file: string }

/** `FILE,speed=10,record=FILE`; a comma that no option follows belongs to the file's name. */
function parseReplay(text: string): Target | undefined {
  const target: Target = { file: text }
  for (;;) {
    const [, before, name, value] = /^(.*),(speed|record)=([^,]*)$/s.exec(target.file) ?? []
    if (name === undefined) return target.file === '' ? undefined : target
    if (name === 'record') {
      if (target.record !== undefined || value === '') return undefined
      target.record = value!
    } else {
      if (target.speed !== undefined || target.timing !== undefined) return undefined
      if (value === 'max') target.timing = 'fast'
      else if (/^\d{1,7}(\.\d{1,3})?$/.test(value!) && Number(value) >= 0.001 && Number(value) <= 1e6)
        target.speed = Number(value)
      else return undefined
    }
    target.file = before!
  }
}

export const REPLAY_KIND: InterfaceKind = {
  kind: 'replay',
  label: 'replay of',
  placeholder: 'FILE[,speed=N|max][,record=FILE]',
  doc: 'the frames of a pcap or pcapng file, with their timing, N times as fast, or as fast as it goes',
  accepts: (target) => parseReplay(target) !== undefined,
  nameOf: () => 'replay',
  open: async (target, { memory, clock }) => {
    const options = parseReplay(target)
    if (options === undefined)
      throw new TypeError(`an interface replay:${REPLAY_KIND.placeholder}, not replay:${target}`)
    return openReplay({ ...options, memory, clock })
  },
}
