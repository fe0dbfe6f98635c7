import { InvalidFault } from '../../api/invalid.ts'
import { FAULT_URN, type Problem } from '../../api/problem.ts'
import { wordsOf } from '../../base/fault-words.ts'
import { Fault } from '../../base/faults.ts'
import { httpStatusOf } from '../base/http-status.ts'

/** INVALID of a request whose form HTTP has a status of its own for, and headers that go with it. */
export class FormFault extends Fault {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super('INVALID', detail)
    this.status = status
    this.headers = headers
  }
}

/** RFC 9457 details of a fault. A defect tells its id only: what went wrong inside is for the log. */
export function problemOf(fault: Fault, requestId: string): Problem {
  const row = wordsOf(fault)
  const inner = fault.code === 'INTERNAL'
  return {
    type: FAULT_URN + fault.code,
    title: row.title,
    status: fault instanceof FormFault ? fault.status : (httpStatusOf(fault) ?? 500),
    detail: inner ? `the log line with ${requestId} says more` : fault.detail,
    instance: requestId,
    code: fault.code,
    hop: fault.hop,
    retry: fault.retry,
    cause: row.cause,
    fix: row.fix,
    verify: row.verify,
    seen: inner || Object.keys(fault.seen).length === 0 ? undefined : (fault.seen as Problem['seen']),
    errors: fault instanceof InvalidFault ? [...fault.errors] : undefined,
  }
}

/** Headers that go with the body. */
export function problemHeaders(fault: Fault): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' }
  if (fault instanceof FormFault) Object.assign(headers, fault.headers)
  const { retryAfterS } = fault.seen
  if (typeof retryAfterS === 'number') headers['retry-after'] = String(retryAfterS)
  if (fault.code === 'TOKEN_INVALID') headers['www-authenticate'] = 'Bearer realm="backstitch"'
  return headers
}
