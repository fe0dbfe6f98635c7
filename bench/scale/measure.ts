import { setTimeout as wait } from 'node:timers/promises'
import { LoopWatch } from '../../src/base/loop-watch.ts'
import type { Measured } from './figure.ts'

export interface MeasureOptions {
  readonly times: number
  /** Not counted, before the others. */
  readonly warmUp?: number
  /** What each time needs, and what it leaves behind: not measured. */
  readonly before?: (time: number) => Promise<void> | void
  readonly after?: (time: number) => Promise<void> | void
  /** A time is that of so many of the same: it is divided by them. */
  readonly divideBy?: number
}

/** Does the work one time after the other. */
export async function measure(
  work: (time: number) => Promise<unknown> | unknown,
  { times, warmUp = 1, before, after, divideBy = 1 }: MeasureOptions,
): Promise<Measured> {
  const ms: number[] = []
  const cpuMs: number[] = []
  let heldMs = 0
  for (let time = -warmUp; time < times; time++) {
    await before?.(time)
    {
      using watch = new LoopWatch({ intervalMs: 1 })
      await wait(3) // a step that holds the thread is seen by the timer behind it
      const startMs = performance.now()
      const startCpuMs = threadCpuMs()
      await work(time)
      const tookMs = performance.now() - startMs
      const tookCpuMs = threadCpuMs() - startCpuMs
      await wait(3)
      if (time >= 0) {
        ms.push(tookMs / divideBy)
        cpuMs.push(tookCpuMs / divideBy)
        heldMs = Math.max(heldMs, watch.longestMs)
      }
    }
    await after?.(time)
  }
  return { ms, cpuMs, heldMs }
}

/** As measure, for work of microseconds that is done within one step: all times in a row. */
export async function measureSteps(work: (time: number) => void, times: number): Promise<Measured> {
  const ms: number[] = []
  const cpuMs: number[] = []
  for (let time = -Math.min(100, times); time < times; time++) {
    const startCpuMs = threadCpuMs()
    const startMs = performance.now()
    work(time)
    const tookMs = performance.now() - startMs
    const tookCpuMs = threadCpuMs() - startCpuMs
    if (time < 0) continue
    ms.push(tookMs)
    cpuMs.push(tookCpuMs)
    if (time % 64 === 0) await wait(0)
  }
  return { ms, cpuMs, heldMs: Math.max(...cpuMs) }
}

/** What the kernel says of a thread is as old as its last tick, unless the whole process is asked for just before. */
export function threadCpuMs(): number {
  process.cpuUsage()
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
