/**
 * The control plane of a server.
 *
 * @module
 */

import { DescriptorWatch } from '../../base/descriptor-watch.ts'
import { createLog } from '../../base/log.ts'
import { actAs } from '../../base/own-hop.ts'
import { ControlPart } from './control-part.ts'
import { introduceServer } from './introduce.ts'
import type { Order } from './messages.ts'
import type { ServerOptions } from './options.ts'
import { underSupervisor } from './under-supervisor.ts'

actAs('control')
const log = createLog('server').child({ part: 'control' })
new DescriptorWatch(log)
let options: ServerOptions
let opened: Promise<ControlPart> | undefined

const supervisor = underSupervisor('backstitch: control', (order: Order) => {
  obey(order).catch((thrown: unknown) => supervisor.fail(thrown, log))
})

async function obey(order: Order): Promise<void> {
  if (order.do === 'start') {
    options = order.options
    opened = ControlPart.open({ ...options, log })
    await opened
    supervisor.tell({ is: 'open' })
  }
  if (order.do === 'edge-listens') {
    const part = await opened!
    const { control, front } = part
    const tell = () => introduceServer(control, options, { port: order.port, pin: front.publicPin })
    await control.edgeListens(options.publicPort ?? order.port)
    supervisor.tell({ is: 'ready', facts: await tell() })
    part.onShown = () => {
      tell().catch((error: unknown) =>
        log.error(
          { event: 'context.not-written', err: error },
          'the context file has an old address or fingerprint',
        ),
      )
    }
  }
  if (order.do === 'stop') {
    const part = await opened
    if (part !== undefined) part.parting = order.parting
    await part?.[Symbol.asyncDispose]()
    supervisor.leave()
  }
}
