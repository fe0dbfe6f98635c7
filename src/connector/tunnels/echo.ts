import { Transform, type TransformCallback } from 'node:stream'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { ECHO_BYTES, ECHO_HOST, ECHO_PORT } from '../../wire/control.ts'
import type { Open } from '../../wire/open.ts'
import type { ConnectorSession } from '../sessions/connector-session.ts'

/** Nothing that a trace sends needs more. */
const MAX_BYTES = 2 * ECHO_BYTES
const MAX_MS = 30_000

/**
 * The far end of the large transfer of a trace: what comes is sent back, up to a limit, and no socket is opened. Only
 * a grant for the echo leads here, and such a grant leads nowhere else.
 *
 * @throws {Fault} DESTINATION_OUTSIDE_GRANT for any other destination.
 */
export function openEcho({ stream, open }: ConnectorSession): void {
  requireEcho(open)
  stream.accept({ dnsUs: 0, connectUs: 0, address: '' })
  stream.attach(new Echo(() => stream.reset('SLOW_READER', `the echo of a trace ends after ${MAX_MS} ms`)))
}

function requireEcho({ host, port, protocol }: Open): void {
  if (host === ECHO_HOST && port === ECHO_PORT && protocol === 'tcp') return
  throw new Fault(
    'DESTINATION_OUTSIDE_GRANT',
    `a grant for the echo of a trace does not lead to ${hostPort({ host, port })}`,
  )
}

class Echo extends Transform {
  readonly #timer: NodeJS.Timeout
  #left = MAX_BYTES

  constructor(late: () => void) {
    super()
    this.#timer = setTimeout(late, MAX_MS).unref()
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#left -= chunk.length
    // A copy: the tunnel uses the memory of the chunk again once it was taken.
    if (this.#left >= 0) done(null, Buffer.from(chunk))
    else done(new Fault('SLOW_READER', `the echo of a trace is limited to ${MAX_BYTES} bytes`))
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    done(error)
  }
}
