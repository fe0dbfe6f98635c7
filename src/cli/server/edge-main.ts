/**
 * The edge of a server: the same as any other, but that it reaches the control plane by its Unix socket.
 *
 * @module
 */

import { StopReason } from '../../agent/link/stop-reason.ts'
import { DescriptorWatch } from '../../base/descriptor-watch.ts'
import { createLog } from '../../base/log.ts'
import { actAs } from '../../base/own-hop.ts'
import { EdgeDaemon } from '../../edge/edge-daemon.ts'
import { keepTurnsShort } from '../../probe/scheduler-slice.ts'
import { edgeBeside } from './edge-beside.ts'
import type { Order } from './messages.ts'
import { underSupervisor } from './under-supervisor.ts'

actAs('edge')
void keepTurnsShort()
const log = createLog('server').child({ part: 'edge' })
new DescriptorWatch(log)
const stopping = new AbortController()
let edge: EdgeDaemon | undefined

const supervisor = underSupervisor('backstitch: edge', (order: Order) => {
  if (order.do === 'start') {
    edge = new EdgeDaemon({ ...edgeBeside(order.options), log })
    edge.listening.then(
      (port) => supervisor.tell({ is: 'listening', port }),
      () => {}, // `serve` says why
    )
    edge.serve(stopping.signal).then(
      () => supervisor.leave(),
      (thrown: unknown) => supervisor.fail(thrown, log),
    )
  }
  if (order.do === 'drain') {
    void (edge?.drain(order.deadlineMs) ?? Promise.resolve()).then(() => supervisor.tell({ is: 'drained' }))
  }
  if (order.do === 'stop') stopping.abort(order.parting && new StopReason(order.parting))
})
