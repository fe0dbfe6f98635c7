import type net from 'node:net'

/** The child's side of the channel between a process and one that it keeps (base/kept-process.ts). */
export interface ParentChannel<News extends object> {
  /** @param sent Called when it has left this process. */
  tell(news: News, sent?: () => void): void
}

/**
 * Makes this process one that another keeps: it is asked to end by that one alone, and ends at once when that is gone,
 * whatever ended it. A signal to all processes of a terminal or of a unit must not end them in the wrong order.
 *
 * @param onGone The other is gone: ends this process.
 */
export function underParent<Order, News extends object>(
  title: string,
  { take, onGone }: { take: (order: Order, socket: net.Socket | undefined) => void; onGone: () => void },
): ParentChannel<News> {
  process.title = title
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('disconnect', onGone)
  process.on('message', (order, socket) => take(order as Order, socket as net.Socket | undefined))
  return {
    tell(news, sent = () => {}) {
      if (process.connected) process.send?.(news, undefined, undefined, sent)
    },
  }
}
