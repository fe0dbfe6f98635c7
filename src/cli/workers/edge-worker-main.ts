/**
 * A worker of an edge: carries the pipes that it is given.
 *
 * @module
 */
import { DescriptorWatch } from '../../base/descriptor-watch.ts'
import { createLog } from '../../base/log.ts'
import { actAs } from '../../base/own-hop.ts'
import { underParent } from '../../base/parent-channel.ts'
import { EdgeWorker } from '../../edge/edge-worker.ts'
import { keepTurnsShort } from '../../probe/scheduler-slice.ts'
import type { EdgeWorkerOrder, EdgeWorkerReport } from '../../wire/edge-worker.ts'
import { guardLastWords } from '../last-words.ts'

guardLastWords()
actAs('edge')
void keepTurnsShort()
let worker: EdgeWorker | undefined

const parent = underParent<EdgeWorkerOrder, EdgeWorkerReport>('backstitch: edge worker', {
  take(order, socket) {
    if (order.do === 'start') {
      const { role = 'edge', ...fields } = order.log.fields
      const log = createLog(String(role), { level: order.log.level }).child({
        ...fields,
        worker: order.worker,
      })
      new DescriptorWatch(log)
      process.title = `backstitch: edge worker ${order.worker}`
      worker = new EdgeWorker(order, { log, tell: (news) => parent.tell(news) })
    } else if (order.do === 'stop') leave()
    else worker?.take(order, socket)
  },
  onGone: leave,
})

/** What it carries breaks, as with the end of an edge: an orderly end of TCP could pass for one of what was carried. */
function leave(): void {
  worker?.cut()
  process.exit()
}
