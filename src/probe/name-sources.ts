/**
 * What else than the resolver a name can come from on this machine: nsswitch, the hosts file, caches, the order of
 * addresses. The resolver knows of none of them.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'

export interface NameSources {
  /** The line `hosts:` of nsswitch.conf, and its words. */
  readonly order: { readonly line: string; readonly services: readonly string[] }
  /** Lines of the hosts file that have the name. */
  readonly hosts: readonly HostsLine[]
  /** Who keeps answers of the resolver between it and programs. */
  readonly caches: readonly string[]
  /** Lines of gai.conf that change the order of addresses. */
  readonly ordering: readonly string[]
  /** Files that could not be read, with their errno: what they say is not known. */
  readonly unread: readonly string[]
}

export interface HostsLine {
  /** From 1. */
  readonly line: number
  readonly address: string
  /** All that stand there. */
  readonly names: readonly string[]
}

/** What glibc goes by where the file is missing or has no such line. */
const USUAL = { line: 'hosts: files dns', services: ['files', 'dns'] }

/** Never throws. @param root Where the file system starts. */
export async function lookAtNameSources(name: string, root = '/'): Promise<NameSources> {
  const unread: string[] = []
  const read = async (file: string) => {
    try {
      return await readFile(path.join(root, file), 'utf8')
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') unread.push(`/${file}: ${code}`)
      return ''
    }
  }
  const [nsswitch, hosts, gai] = await Promise.all(
    ['etc/nsswitch.conf', 'etc/hosts', 'etc/gai.conf'].map(read),
  )
  const order = readOrder(nsswitch!)
  return {
    order,
    hosts: order.services.includes('files') ? readHosts(hosts!, name) : [],
    caches: cachesOf(order.services, root),
    ordering: gai!
      .split('\n')
      .flatMap((line) => /^\s*(?:label|precedence|scopev4)\s.*/.exec(line)?.[0].trim() ?? []),
    unread,
  }
}

/** Of nsswitch.conf: the services that are asked for hosts, in their order. */
export function readOrder(text: string): NameSources['order'] {
  const line = text
    .split('\n')
    .map((one) => one.replace(/#.*/, '').trim())
    .findLast((one) => /^hosts:/.test(one))
  if (line === undefined) return USUAL
  const services = line
    .replace(/^hosts:/, '')
    .replace(/\[[^\]]*\]/g, ' ')
    .split(/\s+/)
    .filter((service) => service !== '')
  return { line: line.replace(/\s+/g, ' '), services }
}

/** Of the hosts file: lines with this name, as libc takes them. */
export function readHosts(text: string, name: string): HostsLine[] {
  const wanted = name.replace(/\.$/, '').toLowerCase()
  return text.split('\n').flatMap((line, at) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    const has = net.isIP(address) !== 0 && names.some((one) => one.toLowerCase() === wanted)
    return has ? [{ line: at + 1, address, names }] : []
  })
}

const DAEMONS: readonly (readonly [name: string, socket: string, service?: string])[] = [
  ['nscd', 'run/nscd/socket'],
  ['systemd-resolved', 'run/systemd/resolve/io.systemd.Resolve', 'resolve'],
  ['sssd', 'var/lib/sss/pipes/nss', 'sss'],
]

/** Those that stand between: nscd before all services, others where nsswitch names them. */
function cachesOf(services: readonly string[], root: string): string[] {
  return DAEMONS.flatMap(([name, socket, service]) => {
    const asked = service === undefined || services.includes(service)
    return asked && existsSync(path.join(root, socket)) ? [name] : []
  })
}
