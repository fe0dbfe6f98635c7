import { StopReason } from '../agent/link/stop-reason.ts'
import type { Parting } from '../base/parting.ts'
import { EXIT } from './exit-codes.ts'
import { leave } from './leave.ts'

export interface StopOptions {
  /**
   * What SIGHUP does in a process without a terminal. Without it, and where a terminal goes away, SIGHUP asks to end.
   * Ignored at the start (nohup), it stays ignored.
   */
  readonly reload?: () => void
  /** Looked up before anything ends, for whomever a daemon says goodbye to. Soon, and never rejects. */
  readonly whoStops?: (signal: string) => Promise<Parting>
}

/**
 * A signal that aborts on SIGINT, SIGTERM or SIGHUP: the first asks, the second ends the process at once.
 *
 * With BACKSTITCH_STOP_WITH_STDIN=1 the end of standard input asks, too: a parent that was killed
 * closes that pipe, so that nothing it started outlives it.
 */
export function untilStopped({
  reload,
  whoStops,
}: StopOptions = {}): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  let isAsked = false
  const stop = (parting: Parting) => controller.abort(new StopReason(parting))
  const ask = (code: number, name: string) => () => {
    if (isAsked) leave(code)
    isAsked = true
    if (whoStops === undefined) stop({ why: 'signal', detail: name })
    else void whoStops(name).then(stop)
  }
  const onInterrupt = ask(EXIT.INTERRUPTED, 'SIGINT')
  const onTerminate = ask(EXIT.TERMINATED, 'SIGTERM')
  const onHangUp = hangUp(reload, ask(EXIT.HUNG_UP, 'SIGHUP'))
  const onEnd = () => stop({ why: 'parent-gone' })
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate).on('SIGHUP', onHangUp)
  const withStdin = process.env.BACKSTITCH_STOP_WITH_STDIN === '1'
  if (withStdin) process.stdin.on('end', onEnd).on('error', onEnd).resume()
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate).off('SIGHUP', onHangUp)
      if (withStdin) process.stdin.off('end', onEnd).off('error', onEnd).pause()
    },
  }
}

function hangUp(reload: (() => void) | undefined, stop: () => void): () => void {
  // Node makes ignored signals deadly again; bin/node says how it was.
  if (process.env.BACKSTITCH_NOHUP === '1') return () => {}
  const { stdin, stdout, stderr } = process
  const hasTerminal = stdin.isTTY || stdout.isTTY || stderr.isTTY
  return hasTerminal ? stop : (reload ?? stop)
}
