import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const LISTENING = '0A'
/** SO_ACCEPTCON of /proc/net/unix. */
const ACCEPTS = '00010000'

/** `NAME (process PID)` of the process that listens on the TCP `port`; undefined if it cannot be seen from here. */
export function portHolder(port: number): string | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes = new Set<string>()
  let uid = ''
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of read(table).split('\n').slice(1)) {
      const [, local, , state, , , , owner, , inode] = line.trim().split(/\s+/)
      if (state !== LISTENING || !local?.endsWith(`:${hex}`) || inode === undefined) continue
      inodes.add(`socket:[${inode}]`)
      uid = owner ?? ''
    }
  }
  const pid = holderOf(inodes)
  if (pid !== undefined) return `${read(`/proc/${pid}/comm`).trim()} (process ${pid})`
  return uid === '' ? undefined : `a process of ${named(uid)}`
}

/** Which process it is, another user cannot see; whose it is, everybody can. */
function named(uid: string): string {
  const name = read('/etc/passwd')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, , number]) => number === uid)?.[0]
  return name === undefined ? `user ${uid}` : `user ${name} (uid ${uid})`
}

/** The process that listens on a Unix socket, whether it answers or not; undefined if it cannot be seen from here. */
export function unixSocketHolder(file: string): number | undefined {
  const inodes = new Set<string>()
  for (const line of read('/proc/net/unix').split('\n').slice(1)) {
    const [, , , flags, , , inode, path] = line.trim().split(/\s+/)
    if (path === file && flags === ACCEPTS) inodes.add(`socket:[${inode}]`)
  }
  return inodes.size === 0 ? undefined : holderOf(inodes)
}

/** Whether another process listens on a Unix socket somewhere below `folder`: the table shows it to every user. */
export function othersListenBelow(folder: string): boolean {
  const own = new Set(list('/proc/self/fd').map((fd) => link(`/proc/self/fd/${fd}`)))
  return read('/proc/net/unix')
    .split('\n')
    .slice(1)
    .some((line) => {
      const [, , , flags, , , inode, file] = line.trim().split(/\s+/)
      return flags === ACCEPTS && file?.startsWith(`${folder}/`) === true && !own.has(`socket:[${inode}]`)
    })
}

function holderOf(inodes: ReadonlySet<string>): number | undefined {
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of list(`/proc/${pid}/fd`))
      if (inodes.has(link(`/proc/${pid}/fd/${fd}`))) return Number(pid)
  }
  return undefined
}

// Processes come and go, and those of other people may not be looked into.
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return ''
  }
}
