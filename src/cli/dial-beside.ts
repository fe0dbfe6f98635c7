import { once } from 'node:events'
import { lstat } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { socketPath } from '../base/listen-unix.ts'
import type { Context } from './context.ts'

/**
 * A connection to the server at the Unix socket that its context names.
 *
 * @returns Nothing where there is no such socket, nobody answers at it (the context was copied from another machine, or the
 *   server is down), or it is not of whoever owns the folder: the token goes to nobody else.
 */
export async function dialBeside({ socket: file }: Pick<Context, 'socket'>): Promise<net.Socket | undefined> {
  if (file === undefined) return undefined
  try {
    const [socket, folder] = await Promise.all([lstat(file), lstat(path.dirname(file))])
    if (!socket.isSocket() || socket.uid !== folder.uid || (socket.mode & 0o077) !== 0) return undefined
    const connection = net.connect(socketPath(file))
    connection.on('error', () => {}) // a later one reaches the request
    await once(connection, 'connect')
    return connection
  } catch {
    return undefined
  }
}
