/** What a daemon uses of the machine it runs on, in all its processes, and what of that it may use. */
export interface Figures {
  /** Processor time, in percent of one processor. */
  readonly cpuPercent: number
  /** As much as it can have: one thread of each process works, and a control group may allow less. */
  readonly cpuLimitPercent: number
  /** Share of the time that it had work and no processor, percent. */
  readonly cpuWaitPercent: number
  readonly rssBytes: number
  /** Of the control group, or of the machine where that is less. */
  readonly memoryLimitBytes: number
  /** Left within that limit, for all processes that share it. */
  readonly memoryFreeBytes: number
  /** Of the process that has fewest left. */
  readonly fds: number
  readonly fdLimit: number
  /** Local TCP ports of the range that connections get one from. */
  readonly portsUsed: number
  readonly portsTotal: number
}

/** Figures at one moment, and the sessions that were open then. */
export interface FiguresSample extends Figures {
  readonly atMs: number
  readonly sessions: number
}
