import http from 'node:http'
import type { Log } from '../../base/log.ts'
import { answerExpectation, answerUnreadable } from './unreadable-request.ts'

const MAX_HEADER_BYTES = 16_384
const CHECK_MS = 1000

export interface HttpDeadlines {
  /** For the whole request header, in milliseconds. */
  readonly headersMs: number
  /** For header and body, in milliseconds. */
  readonly requestMs: number
}

/**
 * An HTTP server that listens on nothing: it is given connections whose TLS is done (`emit('connection', socket)`).
 * All limits are set here, because the defaults of node leave a slow sender minutes.
 */
export function httpServer(deadlines: HttpDeadlines, log: Log, handle: http.RequestListener): http.Server {
  const server = http.createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: deadlines.headersMs,
      requestTimeout: deadlines.requestMs,
      keepAliveTimeout: 30_000,
      connectionsCheckingInterval: CHECK_MS,
      requireHostHeader: true,
      insecureHTTPParser: false,
    },
    (request, response) => {
      try {
        handle(request, response)
      } catch (thrown) {
        // A defect in one answer ends one connection, not the process.
        log.error({ event: 'http.defect', code: 'INTERNAL', err: thrown }, 'a request was not answered')
        request.socket.destroy()
      }
    },
  )
  server.maxRequestsPerSocket = 10_000
  server.on('clientError', answerUnreadable)
  server.on('checkExpectation', answerExpectation)
  // A server that was told to listen begins to check these deadlines now; one that is only given connections must be
  // told as well, or it never checks.
  server.emit('listening')
  return server
}
