import { Fault, type FaultCode } from './faults.ts'

/** A signal that aborts with a Fault after `timeoutMs`, or when `parent` aborts. */
export function deadline(
  timeoutMs: number,
  code: FaultCode,
  detail: string,
  parent?: AbortSignal,
): AbortSignal & Disposable {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Fault(code, `${detail} (${timeoutMs} ms)`)), timeoutMs)
  timer.unref()
  const stop = () => controller.abort(parent?.reason)
  if (parent?.aborted) stop()
  else parent?.addEventListener('abort', stop, { once: true })
  return Object.assign(controller.signal, {
    [Symbol.dispose]() {
      clearTimeout(timer)
      parent?.removeEventListener('abort', stop)
    },
  })
}

/** Resolves with `promise`, or rejects with the reason of `signal` as soon as it aborts. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {})
    return Promise.reject(signal.reason)
  }
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/**
 * Aborts with the first of the two, and lets go of both when disposed of: AbortSignal.any leaves an entry in each of
 * its sources, which a process that tries for days fills.
 */
export function eitherAborted(one: AbortSignal, other: AbortSignal): AbortSignal & Disposable {
  const controller = new AbortController()
  const release = () => {
    for (const source of [one, other]) source.removeEventListener('abort', stop)
  }
  const stop = () => {
    release()
    controller.abort(one.aborted ? one.reason : other.reason)
  }
  for (const source of [one, other]) source.addEventListener('abort', stop, { once: true })
  if (one.aborted || other.aborted) stop()
  return Object.assign(controller.signal, { [Symbol.dispose]: release })
}
