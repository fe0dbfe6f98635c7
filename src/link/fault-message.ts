import { Fault, type FaultOptions } from '../base/faults.ts'
import type { FaultMessage } from '../wire/control.ts'

const MAX_DETAIL = 2048

/** A Fault as it travels. A detail over the limit of the schema is cut: it is for people. */
export function faultToMessage(fault: Fault): FaultMessage {
  const seen: FaultMessage['seen'] = {}
  for (const [name, value] of Object.entries(fault.seen)) {
    seen[name] = typeof value === 'object' ? [...value] : value
  }
  return { code: fault.code, hop: fault.hop, detail: fault.detail.slice(0, MAX_DETAIL), seen }
}

/** The Fault that a peer named, with the owner it named. */
export function faultFromMessage(message: FaultMessage): Fault {
  const options: FaultOptions = { hop: message.hop, seen: message.seen ?? {} }
  return new Fault(message.code, message.detail, options)
}
