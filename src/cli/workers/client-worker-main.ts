/**
 * A process that carries sessions for a client.
 *
 * @module
 */
import { DescriptorWatch } from '../../base/descriptor-watch.ts'
import { createLog } from '../../base/log.ts'
import { actAs } from '../../base/own-hop.ts'
import { underParent } from '../../base/parent-channel.ts'
import type { EngineOrder, EngineReport } from '../../client/workers/engine-messages.ts'
import { EngineWorker } from '../../client/workers/engine-worker.ts'
import { keepTurnsShort } from '../../probe/scheduler-slice.ts'
import { EXIT } from '../exit-codes.ts'
import { guardLastWords } from '../last-words.ts'

guardLastWords()
actAs('client')
void keepTurnsShort()
const whole = createLog('client')
let opened: Promise<EngineWorker> | undefined

const { tell } = underParent<EngineOrder, EngineReport>('backstitch: client worker', {
  take: (order, socket) => {
    if (order.do === 'start') {
      const log = whole.child({ worker: order.worker })
      new DescriptorWatch(log)
      opened = EngineWorker.open(order, { tell: (news) => tell(news), log })
      return
    }
    void opened?.then(async (worker) => {
      if (order.do !== 'stop') return worker.take(order, socket)
      await worker[Symbol.asyncDispose]()
      process.exit(EXIT.OK)
    })
  },
  onGone: () => process.exit(EXIT.TERMINATED),
})
