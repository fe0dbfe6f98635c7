import type http from 'node:http'
import { Fault } from '../../base/faults.ts'

/** Of a request by somebody who has proved nothing. */
export const MAX_BODY_BYTES = 32_768

/**
 * The body of a request. One that says it is too long is refused before it is read; one that does not say so, at the
 * byte that is too many.
 *
 * @throws {Fault} TOO_LARGE; EDGE_UNREACHABLE if the peer went away.
 */
export function readBody(request: http.IncomingMessage): Promise<Buffer> {
  const tooLarge = () => new Fault('TOO_LARGE', `a body may have at most ${MAX_BODY_BYTES} bytes here`)
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return reject(tooLarge())
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_BODY_BYTES) return chunks.push(chunk)
      request.off('data', take)
      request.pause()
      return reject(tooLarge())
    }
    request.on('data', take)
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('error', (cause) => reject(new Fault('EDGE_UNREACHABLE', 'the body ended early', { cause })))
  })
}
