import { type Clock, type Microseconds, type Random, Timer, type TimerHandler } from '../clock/index.ts'
import { inRange } from '../errors/index.ts'
import { ChecksumState, type PacketBuffer, Segmentation } from '../packet/index.ts'
import { markCongestion } from './virtual-network-mark.ts'

/** What one direction of a link does to the frames that pass it. Probabilities are 0 to 1, default 0. */
export interface LinkOptions {
  /** One-way delay in microseconds; default 0. */
  latency?: Microseconds
  /** Bits a second, counted over whole Ethernet frames; default unlimited. */
  bandwidth?: number
  /**
   * Bytes that may wait for a link with a `bandwidth`; what does not fit is dropped at the tail. Default 1 MiB. The
   * frames on a link, waiting or under way, are at most 65,536 in any case.
   */
  queue?: number
  /**
   * Marks frames of ECN-capable senders (RFC 3168) that find more than so many bytes waiting for a link with a
   * `bandwidth`, as a router does that wants no full queue. Others pass as long as they fit the queue. Default never.
   */
  markAbove?: number
  /**
   * IP packets of more bytes than this are lost without a word: a hop with a smaller MTU whose ICMP messages get lost.
   * 68 to 65,535, default what the MTUs of the ports allow.
   */
  largestPacket?: number
  /** Probability that a frame is lost. */
  loss?: number
  /** Probability that a frame arrives twice. */
  duplication?: number
  /**
   * Probability that one random bit of a frame is flipped, anywhere in it. Mind that ARP has no checksum: a flipped
   * bit there can leave a wrong address in a cache.
   */
  corruption?: number
  /** A frame, with this probability, lets the following ones overtake it; a number is a probability. */
  reordering?: number | ReorderingOptions
}

/** How a link of a virtual network changes the order of frames. */
export interface ReorderingOptions {
  probability: number
  /** How many following frames overtake; 1 to 1,000, default 3. Of two numbers: each time one between them by chance. */
  distance?: number | readonly [least: number, most: number]
  /** Microseconds after which a frame goes on even though fewer have overtaken it; default 10,000. */
  patience?: Microseconds
}

/** What a link of a virtual network counts. */
export interface LinkCounters {
  /** Frames that entered the link, duplicates not counted. */
  frames: number
  /** Dropped by `loss`. */
  lost: number
  /** Dropped because the queue was full. */
  queueFull: number
  /** Dropped because they were longer than the MTU of the port, or than `largestPacket`. */
  tooLong: number
  /** Dropped because the cable was pulled, the port closed, or nothing was attached to it. */
  down: number
  /** Dropped because packet memory had no room for a copy, or for the segments of a super-frame. */
  noMemory: number
  /** Not dropped: */
  marked: number
  duplicated: number
  corrupted: number
  reordered: number
}

/** Where a link ends: at a stack, or at the switch. */
export interface LinkEnd {
  /** One frame has come through; takes over the reference. */
  arrive(packet: PacketBuffer): void
  /** After the last frame of those that came through together. */
  burstArrived(): void
}

const DEFAULT_QUEUE = 1 << 20
/** 10 Gbit/s over 70 ms in full frames. */
const MAXIMUM_FRAMES = 65_536
const NEVER_MARK = 2 ** 40
const ETHERNET_HEADER = 14
const LONGEST_FRAME = ETHERNET_HEADER + 65_535
const DEFAULT_DISTANCE = 3
const DEFAULT_PATIENCE: Microseconds = 10_000

/**
 * One direction of a link between a stack and the virtual switch: a queue of frames with the times at which they
 * arrive, and one timer. Frames that are due together arrive as one burst.
 */
export class Link implements TimerHandler {
  readonly counters: LinkCounters = {
    frames: 0,
    lost: 0,
    queueFull: 0,
    tooLong: 0,
    down: 0,
    noMemory: 0,
    marked: 0,
    duplicated: 0,
    corrupted: 0,
    reordered: 0,
  }

  readonly #clock: Clock
  readonly #random: Random
  readonly #end: LinkEnd
  readonly #timer: Timer

  #latency: Microseconds = 0
  #bandwidth = 0
  #queue = DEFAULT_QUEUE
  #markAbove = NEVER_MARK
  #longestFrame = LONGEST_FRAME
  #loss = 0
  #duplication = 0
  #corruption = 0
  #reordering = 0
  #leastDistance = DEFAULT_DISTANCE
  #mostDistance = DEFAULT_DISTANCE
  #patience = DEFAULT_PATIENCE
  #altersFrames = false

  /** Ring of frames under way and when each arrives; its size is a power of two. */
  #frames: (PacketBuffer | null)[] = new Array(64).fill(null)
  #due = new Float64Array(64)
  #head = 0
  #count = 0
  #lastDue: Microseconds = 0
  /** When the last bit of the queue will have been sent; only with a bandwidth. */
  #busyUntil: Microseconds = 0

  /** Frames held back to be overtaken, oldest first: how many may still pass each, and until when it waits. */
  readonly #held: { packet: PacketBuffer; remaining: number; deadline: Microseconds }[] = []

  constructor(clock: Clock, random: Random, end: LinkEnd, options: LinkOptions) {
    this.#clock = clock
    this.#random = random
    this.#end = end
    this.#timer = new Timer(this)
    this.configure(options)
  }

  /** @throws RangeError naming the option and its range */
  configure(options: LinkOptions): void {
    const reordering: ReorderingOptions =
      typeof options.reordering === 'object' ? options.reordering : { probability: options.reordering ?? 0 }
    this.#latency = inRange('latency', options.latency ?? 0, 0, 1e12)
    this.#bandwidth = options.bandwidth === undefined ? 0 : inRange('bandwidth', options.bandwidth, 1, 1e15)
    this.#queue = inRange('queue', options.queue ?? DEFAULT_QUEUE, 0, 2 ** 40)
    this.#markAbove = inRange('markAbove', options.markAbove ?? NEVER_MARK, 0, NEVER_MARK)
    const largestPacket = inRange('largestPacket', options.largestPacket ?? 65_535, 68, 65_535)
    this.#longestFrame = ETHERNET_HEADER + largestPacket
    this.#loss = inRange('loss', options.loss ?? 0, 0, 1)
    this.#duplication = inRange('duplication', options.duplication ?? 0, 0, 1)
    this.#corruption = inRange('corruption', options.corruption ?? 0, 0, 1)
    this.#reordering = inRange('reordering', reordering.probability, 0, 1)
    const distance = reordering.distance ?? DEFAULT_DISTANCE
    const [least, most] = typeof distance === 'number' ? [distance, distance] : distance
    this.#leastDistance = inRange('reordering.distance', least, 1, 1000)
    this.#mostDistance = inRange('reordering.distance', most, least, 1000)
    this.#patience = inRange('reordering.patience', reordering.patience ?? DEFAULT_PATIENCE, 1, 1e12)
    this.#altersFrames = this.#loss + this.#duplication + this.#corruption + this.#reordering > 0
    if (this.#held.length > 0) this.#rearm()
  }

  /** Whether frames must be real ones, of MTU size and with their checksums, for the link to mean what it says. */
  get needsRealFrames(): boolean {
    return this.#altersFrames || this.#bandwidth > 0 || this.#longestFrame < LONGEST_FRAME
  }

  /** Whether a frame passes without time and without change, so that the link may be left out. */
  get isTransparent(): boolean {
    return this.#count === 0 && this.#latency === 0 && !this.needsRealFrames && this.#held.length === 0
  }

  /** Frames on the link, waiting or under way. */
  get occupancy(): number {
    return this.#count + this.#held.length
  }

  /** One frame enters; takes over the reference. It never arrives from inside this call. */
  enter(packet: PacketBuffer): void {
    this.counters.frames++
    if (packet.length > this.#longestFrame) {
      this.counters.tooLong++
      packet.release()
    } else if (this.#altersFrames) this.#impair(packet)
    else this.#queueUp(packet)
  }

  /** Drops everything on the link and counts it as `down`. */
  clear(): void {
    this.#clock.disarm(this.#timer)
    this.counters.down += this.occupancy
    while (this.#count > 0) this.#takeFirst().release()
    for (const held of this.#held) held.packet.release()
    this.#held.length = 0
    this.#busyUntil = 0
  }

  onTimer(_timer: Timer): void {
    const now = this.#clock.now()
    while (this.#held.length > 0 && this.#held[0].deadline <= now) this.#queueUp(this.#held.shift()!.packet)
    // What enters while the burst arrives belongs to the next one, or two stacks could keep each other here for ever.
    let burst = 0
    try {
      for (let left = this.#count; left > 0 && this.#count > 0 && this.#due[this.#head] <= now; left--) {
        burst++
        this.#end.arrive(this.#takeFirst())
      }
      if (burst > 0) this.#end.burstArrived()
    } finally {
      // Also when a stack threw: the frames behind are still due.
      this.#rearm()
    }
  }

  /** Loss, duplication, corruption, reordering: in the order of Linux's netem. */
  #impair(packet: PacketBuffer): void {
    if (this.#happens(this.#loss)) {
      this.counters.lost++
      packet.release()
      return
    }
    if (this.#happens(this.#duplication)) {
      const copy = packet.memory.copy(packet)
      if (copy === null) this.counters.noMemory++
      else {
        this.counters.duplicated++
        this.#corruptAndReorder(copy)
      }
    }
    this.#corruptAndReorder(packet)
  }

  #corruptAndReorder(packet: PacketBuffer): void {
    if (this.#happens(this.#corruption)) {
      this.counters.corrupted++
      packet.memory.bytes[packet.start + this.#random.below(packet.length)] ^= 1 << this.#random.below(8)
      packet.checksum = ChecksumState.Unverified
      packet.segmentation = Segmentation.None
    }
    const overtaking = this.#held.length
    if (this.#happens(this.#reordering)) {
      this.counters.reordered++
      const spread = Math.floor(this.#mostDistance - this.#leastDistance)
      const remaining = this.#leastDistance + (spread > 0 ? this.#random.below(spread + 1) : 0)
      this.#held.push({ packet, remaining, deadline: this.#clock.now() + this.#patience })
      if (overtaking === 0) this.#rearm()
    } else this.#queueUp(packet)
    if (overtaking > 0) this.#countOvertaken(overtaking)
  }

  /** Those that were held before this frame have now been passed by one more. */
  #countOvertaken(count: number): void {
    const held = this.#held
    let kept = 0
    for (let i = 0; i < held.length; i++) {
      if (i < count && --held[i].remaining <= 0) this.#queueUp(held[i].packet)
      else held[kept++] = held[i]
    }
    held.length = kept
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#random.fraction() < probability
  }

  #queueUp(packet: PacketBuffer): void {
    if (this.#count === MAXIMUM_FRAMES || (this.#bandwidth > 0 && this.#backlog() + packet.length > this.#queue)) {
      this.counters.queueFull++
      packet.release()
      return
    }
    if (this.#bandwidth > 0 && this.#backlog() > this.#markAbove && markCongestion(packet)) this.counters.marked++
    // A link without delay does not ask for the time: what is on it is due whenever the timer fires.
    let due = 0
    if (this.#bandwidth > 0) {
      this.#busyUntil = Math.max(this.#clock.now(), this.#busyUntil) + (packet.length * 8e6) / this.#bandwidth
      due = Math.ceil(this.#busyUntil + this.#latency)
    } else if (this.#latency > 0) due = this.#clock.now() + this.#latency
    // A latency that was lowered while frames were under way does not let later ones overtake.
    if (this.#count > 0 && due < this.#lastDue) due = this.#lastDue
    this.#lastDue = due

    if (this.#count === this.#frames.length) this.#grow()
    const tail = (this.#head + this.#count) & (this.#frames.length - 1)
    this.#frames[tail] = packet
    this.#due[tail] = due
    this.#count++
    if (this.#count === 1 || !this.#timer.armed) this.#rearm()
  }

  /** Bytes that wait for the link or are being sent. */
  #backlog(): number {
    return (Math.max(0, this.#busyUntil - this.#clock.now()) * this.#bandwidth) / 8e6
  }

  #takeFirst(): PacketBuffer {
    const packet = this.#frames[this.#head]!
    this.#frames[this.#head] = null
    this.#head = (this.#head + 1) & (this.#frames.length - 1)
    this.#count--
    return packet
  }

  #grow(): void {
    const size = this.#frames.length
    const frames: (PacketBuffer | null)[] = new Array(size * 2).fill(null)
    const due = new Float64Array(size * 2)
    for (let i = 0; i < this.#count; i++) {
      const from = (this.#head + i) & (size - 1)
      frames[i] = this.#frames[from]
      due[i] = this.#due[from]
    }
    this.#frames = frames
    this.#due = due
    this.#head = 0
  }

  #rearm(): void {
    let next = this.#count > 0 ? this.#due[this.#head] : Number.POSITIVE_INFINITY
    if (this.#held.length > 0) next = Math.min(next, this.#held[0].deadline)
    if (next === Number.POSITIVE_INFINITY) this.#clock.disarm(this.#timer)
    else this.#clock.arm(this.#timer, Math.max(next, this.#clock.now()))
  }
}
