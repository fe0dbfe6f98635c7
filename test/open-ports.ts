/**
 * What a process listens on, as the kernel tells it: nothing is asked of the process.
 *
 * @module
 */
import { readdir, readFile, readlink } from 'node:fs/promises'

export interface OpenPorts {
  /** TCP sockets in LISTEN, `ADDRESS:PORT` in the hex of /proc/net/tcp. */
  readonly tcp: readonly string[]
  /** UDP sockets that take datagrams from anyone. */
  readonly udp: readonly string[]
  /** Unix sockets in LISTEN, by path. */
  readonly unix: readonly string[]
  /** Sockets that are connected to one peer: what the process dialled. */
  readonly connected: number
}

const TCP_LISTEN = '0A'
/** `__SO_ACCEPTCON` of /proc/net/unix, proc(5). */
const UNIX_LISTENS = '00010000'

export async function openPorts(pid: number): Promise<OpenPorts> {
  const own = await socketsOf(pid)
  const rows = async (file: string) =>
    (await readFile(`/proc/${pid}/net/${file}`, 'utf8'))
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
  // Columns: sl local remote state tx:rx tr:when retransmit uid timeout inode …
  const inet = async (file: string) => (await rows(file)).filter((columns) => own.has(columns[9] ?? ''))
  const tcp = [...(await inet('tcp')), ...(await inet('tcp6'))]
  const udp = [...(await inet('udp')), ...(await inet('udp6'))]
  const fromAnyone = (columns: string[]) => /^0+:0000$/.test(columns[2] ?? '')
  // Columns: num refcount protocol flags type state inode path
  const unix = (await rows('unix')).filter(
    (columns) => own.has(columns[6] ?? '') && columns[3] === UNIX_LISTENS,
  )
  return {
    tcp: tcp.filter((columns) => columns[3] === TCP_LISTEN).map((columns) => columns[1]!),
    udp: udp.filter(fromAnyone).map((columns) => columns[1]!),
    unix: unix.map((columns) => columns[7] ?? ''),
    connected: [...tcp, ...udp].filter((columns) => !fromAnyone(columns)).length,
  }
}

async function socketsOf(pid: number): Promise<Set<string>> {
  const dir = `/proc/${pid}/fd`
  const links = await Promise.all(
    (await readdir(dir)).map((fd) => readlink(`${dir}/${fd}`).catch(() => '')), // closed meanwhile
  )
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
}
