import http from 'node:http'
import { type Duplex, duplexPair, pipeline } from 'node:stream'
import { Fault } from '../base/faults.ts'
import { destination } from './destination.ts'
import { refuse } from './http-reply.ts'
import { endToEndHeaders, type HttpTarget } from './http-target.ts'
import type { Opener } from './open-session.ts'

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
  const to = destination(target.host, target.port, 'tcp')
  const lane = opener.bypass.laneOf(to.host)
  if (lane.is === 'bypass') {
    const gone = opener.bypass.open(to, lane, 'http', {
      opened: (remote) => send(remote, target, request, response),
      failed: (fault) => refuse(response, fault),
    })
    response.once('close', () => gone.abort())
    return
  }
  const session = opener.open(
    to,
    'http',
    {
      opened(opened) {
        const [ours, theirs] = duplexPair()
        opened.attach(theirs)
        send(ours, target, request, response, opened.id)
      },
      failed: (fault, failed) => refuse(response, fault, failed.id),
    },
    opener.nowUs(),
  )
  response.once('close', () => session.abandon())
}

function send(
  ours: Duplex,
  target: HttpTarget & { is: 'absolute' },
  request: http.IncomingMessage,
  response: http.ServerResponse,
  session?: string,
): void {
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
    refuse(response, new Fault('APP_RESET', error.message, { cause: error }), session)
  }
  upstream.on('error', fail)
  response.once('close', () => upstream.destroy())
  pipeline(request, upstream, fail)
}
