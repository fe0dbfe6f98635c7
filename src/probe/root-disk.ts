import { readdir, readFile, readlink, realpath } from 'node:fs/promises'
import path from 'node:path'

/**
 * An id of the disk under `/` that a copy of its content does not carry along: WWN, serial or by-id name.
 *
 * @param root Where the file system starts.
 * @throws {Error} if `/` is on no disk (overlay, tmpfs, network) or the disk has no id.
 */
export async function readRootDisk(root = '/'): Promise<string> {
  const at = (...parts: string[]) => path.join(root, ...parts)
  const mount = parseRootMount(await readFile(at('proc/self/mountinfo'), 'utf8'))
  if (mount === undefined) throw new Error('no mount at / is listed')
  const device = await realpath(
    mount.device.startsWith('0:')
      ? at('sys/class/block', path.basename(mount.source))
      : at('sys/dev/block', mount.device),
  ).catch(() => {
    throw new Error(`/ is ${mount.type} on ${mount.source}, which is not a disk`)
  })
  const disk = await wholeDisk(device)
  const id = (await sysfsId(disk)) ?? (await byId(at('dev/disk/by-id'), path.basename(disk)))
  if (id === undefined) throw new Error(`${path.basename(disk)}, the disk of /, has no serial or WWN`)
  return id
}

/** Fields: id parent major:minor root mount-point options [optional…] - type source options. The last one wins. */
function parseRootMount(text: string): { device: string; type: string; source: string } | undefined {
  for (const line of text.split('\n').reverse()) {
    const [before, after] = line.split(' - ')
    const fields = before?.split(' ') ?? []
    const [type = '', source = ''] = after?.split(' ') ?? []
    if (fields[4] === '/') return { device: fields[2]!, type, source }
  }
  return undefined
}

/** From a partition to its disk, and from LVM, LUKS or RAID to the first disk underneath. */
async function wholeDisk(device: string, depth = 0): Promise<string> {
  if (depth > 8) return device
  const below = await readdir(path.join(device, 'slaves')).catch(() => [])
  const first = below.sort()[0]
  if (first !== undefined) return wholeDisk(await realpath(path.join(device, 'slaves', first)), depth + 1)
  const partition = await readFile(path.join(device, 'partition'), 'utf8').catch(() => undefined)
  return partition === undefined ? device : path.dirname(device)
}

async function sysfsId(disk: string): Promise<string | undefined> {
  for (const name of ['wwid', 'device/wwid', 'serial', 'device/serial']) {
    const text = (await readFile(path.join(disk, name), 'utf8').catch(() => '')).trim()
    if (text !== '') return text
  }
  return undefined
}

async function byId(dir: string, disk: string): Promise<string | undefined> {
  for (const name of (await readdir(dir).catch(() => [])).sort()) {
    if (path.basename(await readlink(path.join(dir, name)).catch(() => '')) === disk) return name
  }
  return undefined
}
