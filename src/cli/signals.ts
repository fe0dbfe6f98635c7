import { EXIT } from './exit-codes.ts'

/**
 * A signal that aborts on SIGINT or SIGTERM: the first asks, the second ends the process at once.
 *
 * With BACKSTITCH_STOP_WITH_STDIN=1 the end of standard input asks, too: a parent that was killed
 * closes that pipe, so that nothing it started outlives it.
 */
export function untilStopped(): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  const ask = (code: number) => () => {
    if (controller.signal.aborted) process.exit(code)
    controller.abort()
  }
  const onInterrupt = ask(EXIT.INTERRUPTED)
  const onTerminate = ask(EXIT.TERMINATED)
  const onEnd = () => controller.abort()
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate)
  const withStdin = process.env.BACKSTITCH_STOP_WITH_STDIN === '1'
  if (withStdin) process.stdin.on('end', onEnd).on('error', onEnd).resume()
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate)
      if (withStdin) process.stdin.off('end', onEnd).off('error', onEnd).pause()
    },
  }
}
