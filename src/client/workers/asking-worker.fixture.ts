/**
 * A worker that tells control of a session as its first word, and says what it is answered by asking for that.
 *
 * @module
 */
import type { EngineOrder, EngineReport } from './engine-messages.ts'

const tell = (news: EngineReport) => process.send!(news)
const fault = { code: 'INTERNAL', hop: 'client', detail: '', seen: {} } as const

process.on('disconnect', () => process.exit())
process.on('message', (order: EngineOrder) => {
  if (order.do === 'start') {
    const reports = [{ session: `ses_${process.pid}`, state: 'open' }] as never
    const message = { type: 'session' as const, id: 'req_1', reports, shed: 0 }
    tell({ is: 'question', id: 0, question: { ask: 'control', message, timeoutMs: 1000 } })
  }
  if (order.do === 'answer' && order.id === 0) {
    const edge = JSON.stringify(order.answer)
    tell({ is: 'question', id: 1, question: { ask: 'edge-lost', edge, fault } })
  }
  if (order.do === 'stop') process.exit()
})
