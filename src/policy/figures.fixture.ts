import type { FiguresSample } from '../base/figures.ts'

/** A machine with nothing to do, but for what is said otherwise. */
export function figuresSample(o: Partial<FiguresSample> = {}): FiguresSample {
  return {
    atMs: 1_000_000,
    sessions: 0,
    cpuPercent: 2,
    cpuLimitPercent: 100,
    cpuWaitPercent: 0,
    rssBytes: 100_000_000,
    memoryLimitBytes: 1_000_000_000,
    memoryFreeBytes: 800_000_000,
    fds: 30,
    fdLimit: 1024,
    portsUsed: 10,
    portsTotal: 28_232,
    ...o,
  }
}
