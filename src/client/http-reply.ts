import http from 'node:http'
import type { Fault } from '../base/faults.ts'
import { httpReplyOf } from './fault-replies.ts'

/** Answers with the problem document; a response that has begun is cut instead. */
export function refuse(response: http.ServerResponse, fault: Fault, session?: string): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const { status, headers, body } = httpReplyOf(fault, session)
  response.writeHead(status, { ...headers, Connection: 'close' })
  response.end(body)
}

/** The same answer as bytes, where there is no response object. @param status Instead of the one the code has. */
export function rawFault(fault: Fault, session?: string, status?: number): string {
  const reply = httpReplyOf(fault, session)
  const code = status ?? reply.status
  const lines = Object.entries(reply.headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${code} ${http.STATUS_CODES[code]}\r\n${lines.join('')}Connection: close\r\n\r\n${reply.body}`
}
