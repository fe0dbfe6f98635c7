import { STATUS_CODES } from 'node:http'
import type { Fault } from '../base/faults.ts'
import type { Asked } from './ask-about.ts'
import { httpReplyOf } from './fault-replies.ts'

interface Reply {
  readonly status: number
  /** In place of the usual words. */
  readonly reason?: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A whole answer of the proxy itself, after which the connection ends. @param method Of the request: HEAD wants no body. */
export function writeReply({ status, reason, headers, body }: Reply, method?: string): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `HTTP/1.1 ${status} ${reason ?? STATUS_CODES[status]}\r\n${lines.join('')}Connection: close\r\n\r\n`
  return method === 'HEAD' ? head : head + body
}

/** The problem document. @param o.status Instead of the one that the code has. */
export function writeFault(
  fault: Fault,
  o: { session?: string; to?: Asked; status?: number; method?: string } = {},
): string {
  const reply = httpReplyOf(fault, o)
  return writeReply({ ...reply, status: o.status ?? reply.status }, o.method)
}
