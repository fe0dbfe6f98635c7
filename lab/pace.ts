/**
 * How slow this machine is found to be: every limit that would judge our own slowness is longer by that.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'

/** What every process here does: start, and then calculate. */
const JOB = 'let x = 1; for (let n = 0; n < 2e7; n++) x = (Math.imul(x, 31) + n) | 0'
/** As many of it side by side as there are processors, where nothing else runs. */
const REFERENCE_MS = 140
/** Slower than this is no machine that a limit can be stretched for. */
const MOST = 12
const FEW_PROCESSORS = 2
const SLOW = 2.5
const LOOK_MS = 15_000
/** Told to the processes that tests run in. */
const VARIABLE = 'BACKSTITCH_TEST_PACE'

/** Nothing where nobody has looked. */
let found = clamp(Number(process.env[VARIABLE] ?? 1) || 1)

/** 1 on a quiet machine of today, 3 where all takes three times as long: slow processors, few of them, or a load beside. */
export async function measurePace(): Promise<number> {
  const processors = availableParallelism()
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: processors }, runJob))
  const tookMs = performance.now() - startedMs
  return clamp((tookMs / REFERENCE_MS) * Math.max(1, FEW_PROCESSORS / processors))
}

async function runJob(): Promise<void> {
  await once(spawn(process.execPath, ['-e', JOB], { stdio: 'ignore' }), 'exit')
}

/** For processes that are to know it. */
export function paceEnv(pace: number): NodeJS.ProcessEnv {
  return { [VARIABLE]: pace.toFixed(2) }
}

/** So slow that programs stand still for seconds through no fault of theirs. */
export function isSlowHost(): boolean {
  return found > SLOW
}

/** @param ms A limit for a quiet machine. @returns What it is here and now. */
export function patience(ms: number): number {
  return Math.round(ms * found)
}

/** Looks again and again, as long as it is held: what runs beside us comes and goes, and much of it is our own. */
export async function watchPace(): Promise<{ readonly pace: number } & Disposable> {
  const look = async () => {
    found = await measurePace()
  }
  await look()
  const timer = setInterval(look, LOOK_MS)
  return {
    get pace() {
      return found
    },
    [Symbol.dispose]() {
      clearInterval(timer)
    },
  }
}

function clamp(pace: number): number {
  return Math.min(Math.max(pace, 1), MOST)
}
