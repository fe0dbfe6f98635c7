import { chown, mkdir } from 'node:fs/promises'
import type { Address } from '../../bench/children.ts'
import { findProgram } from '../needs.ts'
import { succeed } from '../program.ts'
import type { Place } from './place.ts'

/** Starts a PostgreSQL cluster of its own, which trusts whoever comes. Its superuser is `postgres`. */
export async function servePostgres(place: Place, at: Address): Promise<void> {
  const dir = place.file('postgres')
  await mkdir(dir, { mode: 0o700 })
  const root = process.getuid?.() === 0 // under which PostgreSQL does not run
  if (root) {
    const id = async (flag: string) => Number(await succeed(['id', flag, 'postgres']))
    await chown(dir, await id('-u'), await id('-g'))
  }
  const as = root ? (['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] as const) : []
  const program = (name: string, ...args: string[]) =>
    [...as, findProgram(name)!, ...args] as [string, ...string[]]
  const cluster = ['-D', dir, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  await succeed(program('initdb', ...cluster), { cwd: '/' })
  const settings = {
    ...{ listen_addresses: at.host, port: at.port, unix_socket_directories: '' },
    ...{ fsync: 'off', shared_buffers: '32MB' },
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  await place.serve('postgres', program('postgres', '-D', dir, ...flags), at)
}
