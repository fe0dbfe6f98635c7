/**
 * A process that carries tunnels for a connector of which there is little of everything. What it was last told of the
 * others is in the folder that TOLD names, in a file of its name.
 *
 * @module
 */
import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createLog } from '../src/base/log.ts'
import { underParent } from '../src/base/parent-channel.ts'
import { ConnectorShares } from '../src/connector/tunnels/shares.ts'
import { ConnectorWorker } from '../src/connector/workers/connector-worker.ts'
import type { WorkerMessage, WorkerOrder } from '../src/connector/workers/worker-messages.ts'

/** In all its processes together. */
const SCARCE = { sessions: 14, dials: 6, localPorts: 8 }

const file = (name: string) => path.join(process.env.TOLD!, name)
const shares = new ConnectorShares(SCARCE)
let name = ''
let worker: ConnectorWorker | undefined

const connector = underParent<WorkerOrder, WorkerMessage>('backstitch: scarce worker', {
  take(order) {
    if (order.do === 'start') {
      name = order.name
      const log = createLog('connector', { level: 'fatal' })
      worker = new ConnectorWorker((news, told) => connector.tell(news, told), log, shares)
    }
    void worker?.take(order)?.then(() => process.exit())
    if (order.do !== 'tick') return
    writeFileSync(file(`${name}.new`), JSON.stringify(order.elsewhere))
    renameSync(file(`${name}.new`), file(name))
  },
  onGone: () => process.exit(),
})
