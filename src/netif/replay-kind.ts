import { type InterfaceOption, InterfaceTextError, parseOptions, problemOf } from './interface-text.ts'
import type { InterfaceKind } from './open-netif.ts'
import { openReplay, type ReplayOptions } from './replay.ts'

const SPEED: InterfaceOption<Pick<ReplayOptions, 'speed' | 'timing'>> = {
  form: 'speed=N|max (0.001 to 1000000)',
  parse(text) {
    if (text === 'max') return { timing: 'fast' }
    const isNumber = /^\d{1,7}(\.\d{1,3})?$/.test(text) && Number(text) >= 0.001 && Number(text) <= 1e6
    return isNumber ? { speed: Number(text) } : undefined
  },
}
const RECORD: InterfaceOption<string> = { form: 'record=FILE', parse: (text) => (text === '' ? undefined : text) }

/** @throws InterfaceTextError */
function parseReplay(text: string): Pick<ReplayOptions, 'speed' | 'timing' | 'record'> & { file: string } {
  const { address: file, options } = parseOptions(text, { speed: SPEED, record: RECORD })
  if (file === '') throw new InterfaceTextError('a file', 'nothing')
  const { speed, record } = options
  return { file, ...speed, ...(record === undefined ? {} : { record }) }
}

export const REPLAY_KIND: InterfaceKind = {
  kind: 'replay',
  label: 'replay of',
  placeholder: 'FILE[,speed=N|max][,record=FILE]',
  doc: 'the frames of a pcap or pcapng file, with their timing, N times as fast, or as fast as it goes',
  problem: (target) => problemOf(() => parseReplay(target)),
  nameOf: () => 'replay',
  open: async (target, { memory, clock }) => openReplay({ ...parseReplay(target), memory, clock }),
}
