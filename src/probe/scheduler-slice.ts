/**
 * How long the kernel lets this thread run before another one may have its turn. Whoever asks for short turns gets the
 * next one sooner (EEVDF, Linux 6.12 and later; needs no privilege): what a process with little work wants, because
 * somebody waits for that work. One that moves bulk wants long turns, and to be interrupted less.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'

/** Numbers of `sched_setattr` and `sched_getattr` (sched(7)), by processor. */
const CALLS: Partial<Record<NodeJS.Architecture, { readonly set: bigint; readonly get: bigint }>> = {
  x64: { set: 314n, get: 315n },
  arm64: { set: 274n, get: 275n },
}
/** `struct sched_attr` of its first version: size, policy, flags, nice, priority, runtime, deadline, period. */
const ATTR_BYTES = 48
const RUNTIME_AT = 24
const SHORT_NS = 100_000n
/** The kernel's own. */
const USUAL_NS = 0n
const LOOK_MS = 1000
/** Over this share of the time it is busy: it moves bulk, or serves many. */
const BUSY_SHARE = 0.4

/** @returns whether the kernel took it. */
type SetSlice = (sliceNs: bigint) => boolean

/** Keeps the turns of this thread short while it has little to do. Where the kernel cannot, nothing happens. */
export async function keepTurnsShort(set?: SetSlice): Promise<Disposable> {
  const setSlice = set ?? (await sliceOfThisThread())
  if (!setSlice?.(SHORT_NS)) return { [Symbol.dispose]() {} }
  let isShort = true
  let before = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const wantsShort = performance.eventLoopUtilization(now, before).utilization < BUSY_SHARE
    before = now
    if (wantsShort !== isShort) setSlice(wantsShort ? SHORT_NS : USUAL_NS)
    isShort = wantsShort
  }, LOOK_MS).unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

async function sliceOfThisThread(): Promise<SetSlice | undefined> {
  const numbers = process.platform === 'linux' ? CALLS[process.arch] : undefined
  if (numbers === undefined) return undefined
  try {
    const { default: ffi } = await import('node:ffi')
    const { functions } = ffi.dlopen(null, {
      syscall: { arguments: ['i64', 'i32', 'buffer', 'u32', 'u32'], return: 'i64' },
    })
    return (sliceNs) => {
      const asked = Buffer.alloc(ATTR_BYTES)
      asked.writeUInt32LE(ATTR_BYTES)
      asked.writeBigUInt64LE(sliceNs, RUNTIME_AT)
      if (functions.syscall(numbers.set, 0, asked, 0, 0) !== 0n) return false
      // A kernel that knows no slices takes it, and has forgotten it.
      const held = Buffer.alloc(ATTR_BYTES)
      if (functions.syscall(numbers.get, 0, held, ATTR_BYTES, 0) !== 0n) return false
      return sliceNs === USUAL_NS || held.readBigUInt64LE(RUNTIME_AT) === sliceNs
    }
  } catch {
    return undefined // a Node without it
  }
}
