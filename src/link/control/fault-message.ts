import { Fault, type FaultOptions } from '../../base/faults.ts'
import { cutText, encodedBytes } from '../../wire/encoded.ts'
import type { FaultMessage } from '../../wire/values.ts'

const MAX_DETAIL_CHARS = 2048
const MAX_BYTES = 16_384
const MAX_LISTED_BYTES = 2048
/** Of the limit: code, hop and the names of the fields. */
const FRAME_BYTES = 128

/** A Fault as it travels by itself. */
export function faultToMessage(fault: Fault): FaultMessage {
  return within(fault, MAX_BYTES)
}

/** As one of many in a list. */
export function listedFault(fault: Fault): FaultMessage {
  return within(fault, MAX_LISTED_BYTES)
}

/** What is over the limit is cut: the detail is for people, evidence is left out from its end. */
function within(fault: Fault, maxBytes: number): FaultMessage {
  const detail = cutText(fault.detail, maxBytes - FRAME_BYTES, MAX_DETAIL_CHARS)
  let leftBytes = maxBytes - FRAME_BYTES - encodedBytes(detail)
  const seen: FaultMessage['seen'] = {}
  for (const [name, value] of Object.entries(fault.seen)) {
    leftBytes -= encodedBytes(name) + encodedBytes(value) + 2
    if (leftBytes < 0) break
    seen[name] = typeof value === 'object' ? [...value] : value
  }
  return { code: fault.code, hop: fault.hop, detail, seen }
}

/** The Fault that a peer named, with the owner it named. */
export function faultFromMessage(message: FaultMessage): Fault {
  const options: FaultOptions = { hop: message.hop, seen: message.seen ?? {} }
  return new Fault(message.code, message.detail, options)
}
