import { readFileSync } from 'node:fs'

const CLOCK_TICKS_PER_SECOND = 100

/** The machine is quiet when it uses less than this of a core for a moment. */
const QUIET = 0.1
const MOMENT_MILLISECONDS = 250

/** Shares of one core: 1 is one core kept busy. */
export interface ProcessorUse {
  /** Of the subject, all its threads. */
  readonly user: number
  readonly system: number
  /** What neither subject nor load generator used: other programs, and the host of a virtual machine. */
  readonly others: number
}

/** CLOCK_TICKS_PER_SECOND units, since the process or the machine began. */
interface Times {
  readonly user: number
  readonly system: number
}

interface Reading {
  /** CLOCK_MONOTONIC nanoseconds. */
  readonly at: number
  readonly machine: number
  readonly processes: ReadonlyMap<number, Times>
}

/** proc(5), /proc/PID/stat: utime and stime are fields 14 and 15, counted from 1; the second ends with a bracket. */
function processTimes(pid: number): Times | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return { user: Number(fields[11]), system: Number(fields[12]) }
  } catch {
    return null
  }
}

/** proc(5), /proc/stat: user, nice, system, then idle and iowait, irq and softirq, steal. */
function machineTime(): number {
  const [, user, nice, system, , , , , steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]
    .split(/\s+/)
    .map(Number)
  // Interrupts are left out: on this bench they are the kernel's half of the traffic, nobody else's work.
  return user + nice + system + steal
}

/** Watches what the processors do while a sample is taken, from outside of the processes that are measured. */
export class ProcessorWatch {
  private readonly subject: number
  private readonly pids: () => number[]
  private readonly readings: Reading[] = []
  private readonly timers: NodeJS.Timeout[] = []

  /** @param pids all processes of the bench that run, subject and load generator among them */
  constructor(subject: number, pids: () => number[]) {
    this.subject = subject
    this.pids = pids
  }

  /**
   * Called when the load starts: the measured time begins after `delay` seconds and lasts `seconds`. Where several loads
   * run at once, the first counts.
   */
  start(delay: number, seconds: number): void {
    if (this.timers.length > 0) return
    for (const after of [delay + seconds * 0.05, delay + seconds * 0.95]) {
      this.timers.push(setTimeout(() => this.readings.push(this.read()), after * 1000))
    }
  }

  /** Null when the processes were gone too early to tell. */
  finish(): ProcessorUse | null {
    for (const timer of this.timers) clearTimeout(timer)
    const [first, last] = this.readings
    const before = first?.processes.get(this.subject)
    const after = last?.processes.get(this.subject)
    if (before === undefined || after === undefined) return null
    const ticks = ((last.at - first.at) / 1e9) * CLOCK_TICKS_PER_SECOND
    let own = 0
    for (const [pid, times] of last.processes) {
      const earlier = first.processes.get(pid)
      own += times.user + times.system - (earlier === undefined ? 0 : earlier.user + earlier.system)
    }
    return {
      user: (after.user - before.user) / ticks,
      system: (after.system - before.system) / ticks,
      others: Math.max(0, (last.machine - first.machine - own) / ticks),
    }
  }

  private read(): Reading {
    const processes = new Map<number, Times>()
    for (const pid of [process.pid, ...this.pids()]) {
      const times = processTimes(pid)
      if (times !== null) processes.set(pid, times)
    }
    return { at: Number(process.hrtime.bigint()), machine: machineTime(), processes }
  }
}

/** Waits for quiet moments of a machine that others use too, until a limit over all of them is used up. */
export class Patience {
  private milliseconds: number

  constructor(minutes: number) {
    this.milliseconds = minutes * 60_000
  }

  get isExhausted(): boolean {
    return this.milliseconds <= 0
  }

  /** Waits until the machine does next to nothing for a moment, or until patience is exhausted. */
  async waitForQuiet(): Promise<void> {
    const start = Date.now()
    for (let before = machineTime(); Date.now() - start < this.milliseconds; ) {
      await new Promise((resolve) => setTimeout(resolve, MOMENT_MILLISECONDS))
      const now = machineTime()
      if (now - before <= (QUIET * MOMENT_MILLISECONDS * CLOCK_TICKS_PER_SECOND) / 1000) break
      before = now
    }
    this.milliseconds -= Date.now() - start
  }

  /** A sample was taken in vain. */
  spend(seconds: number): void {
    this.milliseconds -= seconds * 1000
  }
}
