import http from 'node:http'
import { duplexPair, pipeline } from 'node:stream'
import { Fault } from '../base/faults.ts'
import { destination } from './destination.ts'
import { refuse } from './http-reply.ts'
import { endToEndHeaders, type HttpTarget } from './http-target.ts'
import type { Opener } from './open-session.ts'
import type { Session } from './session.ts'

/**
 * Carries one `GET http://app/path` to the application, in a session of its own: the next request on the same
 * local connection may be for another destination, and is asked for anew.
 *
 * @throws {Fault} BAD_DESTINATION.
 */
export function forwardRequest(
  opener: Opener,
  target: HttpTarget & { is: 'absolute' },
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void {
  const session = opener.open(
    destination(target.host, target.port, 'tcp'),
    'http',
    {
      opened: (opened) => send(opened, target, request, response),
      failed: (fault, failed) => refuse(response, fault, failed.id),
    },
    opener.nowUs(),
  )
  response.once('close', () => session.abandon())
}

function send(
  session: Session,
  target: HttpTarget & { is: 'absolute' },
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void {
  const [ours, theirs] = duplexPair()
  session.attach(theirs)
  const upstream = http.request({
    createConnection: () => ours,
    method: request.method,
    path: target.path,
    setHost: false,
    // The target, not the Host header, says where it goes (RFC 9112, 3.2.2); the two must not differ downstream.
    headers: [
      'Host',
      target.authority,
      ...endToEndHeaders(request.rawHeaders, ['host', 'expect']),
      ...(request.headers['transfer-encoding'] === undefined ? [] : ['Transfer-Encoding', 'chunked']),
      'Via',
      `${request.httpVersion} backstitch`,
      'Connection',
      'close',
    ],
  })
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode!, answer.statusMessage, [
      ...endToEndHeaders(answer.rawHeaders),
      'Via',
      `${answer.httpVersion} backstitch`,
    ])
    pipeline(answer, response, (error) => {
      if (error) response.destroy()
    })
  })
  let failed = false
  const fail = (error: Error | null | undefined) => {
    if (!error || failed) return
    failed = true
    upstream.destroy()
    refuse(response, new Fault('APP_RESET', error.message, { cause: error }), session.id)
  }
  upstream.on('error', fail)
  response.once('close', () => upstream.destroy())
  pipeline(request, upstream, fail)
}
