import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import type net from 'node:net'
import path from 'node:path'
import { BACKLOG } from './backlog.ts'
import { Fault } from './faults.ts'
import { shortageFault } from './shortage.ts'

/** sun_path of unix(7), less the final zero. */
const MAX_PATH_BYTES = 107

/**
 * Listens at a Unix socket, mode 0600, over what a crash left there. Whoever calls this holds the state directory that
 * it is in, so nobody else does.
 *
 * @throws {Fault} STATE_UNWRITABLE if it cannot be made.
 */
export async function listenUnix(server: net.Server, file: string): Promise<void> {
  const at = socketPath(file)
  const bytes = Buffer.byteLength(at)
  if (bytes > MAX_PATH_BYTES) {
    throw unwritable(file, `the path is ${bytes} bytes long, a Unix socket allows ${MAX_PATH_BYTES}`)
  }
  try {
    await rm(at, { force: true })
    await listen(server, at)
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    throw shortageFault(errno, file, { cause, seen: { file, errno } }) ?? unwritable(file, errno, cause)
  }
  server.on('error', () => {}) // of an accept, out of descriptors
}

/**
 * A path for a Unix socket: where the whole one is too long, as it can be written from the working directory. The whole
 * one is what the kernel then shows, and how a daemon that does not answer is found.
 */
export function socketPath(file: string): string {
  const near = path.relative(process.cwd(), file)
  return Buffer.byteLength(file) > MAX_PATH_BYTES && near.length < file.length ? near : file
}

async function listen(server: net.Server, file: string): Promise<void> {
  const before = process.umask(0o177)
  try {
    server.listen({ path: file, backlog: BACKLOG }) // binds before it returns, so the mode is right from the first moment
  } finally {
    process.umask(before)
  }
  await once(server, 'listening')
}

function unwritable(file: string, what: string, cause?: unknown): Fault {
  return new Fault('STATE_UNWRITABLE', `${file}: ${what}`, { cause, seen: { file, errno: what } })
}
