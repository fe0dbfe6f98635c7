/**
 * A process that carries tunnels for a connector. Ends with it.
 *
 * @module
 */
import { DescriptorWatch } from '../../base/descriptor-watch.ts'
import { createLog } from '../../base/log.ts'
import { actAs } from '../../base/own-hop.ts'
import { underParent } from '../../base/parent-channel.ts'
import { ConnectorWorker } from '../../connector/workers/connector-worker.ts'
import type { WorkerMessage, WorkerOrder } from '../../connector/workers/worker-messages.ts'
import { keepTurnsShort } from '../../probe/scheduler-slice.ts'
import { EXIT } from '../exit-codes.ts'
import { guardLastWords } from '../last-words.ts'

actAs('connector')
guardLastWords()
let log = createLog('connector')
new DescriptorWatch(log)
void keepTurnsShort()
let worker: ConnectorWorker | undefined

const connector = underParent<WorkerOrder, WorkerMessage>('backstitch: connector worker', {
  take(order) {
    if (order.do === 'start') {
      log = log.child({ worker: order.name })
      worker = new ConnectorWorker((news, told) => connector.tell(news, told), log)
    }
    void worker?.take(order)?.then(() => process.exit(EXIT.OK))
  },
  onGone: () => process.exit(EXIT.TERMINATED),
})
