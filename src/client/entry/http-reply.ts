import { STATUS_CODES } from 'node:http'
import type { Fault } from '../../base/faults.ts'
import { type AboutReply, httpReplyOf } from './fault-replies.ts'
import { fieldsNamed, type RequestHead } from './http-head.ts'

interface Reply {
  readonly status: number
  /** In place of the usual words. */
  readonly reason?: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A whole answer of the proxy itself, after which the connection ends. @param method Of the request: HEAD wants no body. */
export function httpReply({ status, reason, headers, body }: Reply, method?: string): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `HTTP/1.1 ${status} ${reason ?? STATUS_CODES[status]}\r\n${lines.join('')}Connection: close\r\n\r\n`
  return method === 'HEAD' ? head : head + body
}

/** What whoever asked takes for an answer of the proxy itself. */
export interface ReplyWanted {
  /** HEAD wants no body. */
  readonly method?: string
  readonly html?: boolean
}

/** A browser that is to show a page says that it takes HTML; its scripts and other programs take anything. */
export function replyWanted({ method, fields }: RequestHead): ReplyWanted {
  return { method, html: /\btext\/html\b/i.test(fieldsNamed(fields, 'accept').join()) }
}

/** The problem document, or its page. @param o.status Instead of the one that the code has. */
export function replyWithFault(fault: Fault, o: AboutReply & ReplyWanted & { status?: number } = {}): string {
  const reply = httpReplyOf(fault, o)
  return httpReply({ ...reply, status: o.status ?? reply.status }, o.method)
}
