import http from 'node:http'
import type { Duplex } from 'node:stream'
import { newId } from '../../base/ids.ts'
import { FormFault, problemHeaders, problemOf } from '../rest/problem.ts'

/** What node's parser could not read, and gave up on: answered like everything else, and the connection ends. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  const { _httpMessage: begun } = socket as Duplex & { _httpMessage?: http.ServerResponse }
  if (!socket.writable || begun?.headersSent) {
    socket.destroy()
    return
  }
  const [status, detail] = what(error)
  const { body, headers } = answerOf(new FormFault(status, detail))
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}

/** RFC 9110 section 10.1.1: it expects something that we do not do. */
export function answerExpectation(request: http.IncomingMessage, response: http.ServerResponse): void {
  const wanted = String(request.headers.expect).slice(0, 64)
  const { body, headers } = answerOf(
    new FormFault(417, `Expect: only 100-continue is supported here, got ${wanted}`),
  )
  response.writeHead(417, { ...headers, connection: 'close' }).end(body)
}

function answerOf(fault: FormFault): { readonly body: string; readonly headers: Record<string, string> } {
  const requestId = newId('req')
  const body = JSON.stringify(problemOf(fault, requestId))
  const length = String(Buffer.byteLength(body))
  return { body, headers: { ...problemHeaders(fault), 'content-length': length, 'x-request-id': requestId } }
}

function what({ code, message }: NodeJS.ErrnoException): readonly [number, string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'the request line and its headers are over 16 KiB']
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'the request did not arrive completely in time']
    default:
      return [400, `not an HTTP request: ${message.replace(/^Parse Error: /, '').slice(0, 200)}`]
  }
}
