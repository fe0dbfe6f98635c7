/** Ctrl-C and SIGTERM ask once, so that what was made can be removed; the second time ends at once. */
export function untilInterrupted(): {
  readonly signal: AbortSignal
  /** Resolves when it was asked. */
  readonly now: Promise<undefined>
} & Disposable {
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const ask = () => {
    if (controller.signal.aborted) process.exit(130)
    process.exitCode = 130
    controller.abort()
    resolve(undefined)
  }
  process.on('SIGINT', ask).on('SIGTERM', ask)
  return {
    signal: controller.signal,
    now: promise,
    [Symbol.dispose]() {
      process.off('SIGINT', ask).off('SIGTERM', ask)
    },
  }
}
