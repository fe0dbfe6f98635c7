/**
 * A worker that asks for a name as its first word, and says what it is answered by asking for that.
 *
 * @module
 */
import type { WorkerMessage, WorkerOrder } from './worker-messages.ts'

const ask = (id: number, host: string) =>
  process.send!({ is: 'resolve', id, host, by: undefined } satisfies WorkerMessage)

process.on('disconnect', () => process.exit())
process.on('message', (order: WorkerOrder) => {
  if (order.do === 'start') ask(1, 'question')
  if (order.do === 'resolved') ask(2, JSON.stringify(order.found))
  if (order.do === 'close') process.exit()
})
