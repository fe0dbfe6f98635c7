/**
 * How this machine gets out: straight, or through an HTTP proxy; and, always, who said so, because a proxy setting
 * of unknown origin is the hardest one to repair.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { writtenText } from '../../base/written-text.ts'
import type { EdgeAddress } from './credentials.ts'

export interface OutboundProxy {
  readonly host: string
  readonly port: number
  readonly auth?: { readonly user: string; readonly password: string }
}

/** How this machine gets out to an edge, and who said so. */
export interface Egress {
  readonly proxy?: OutboundProxy
  /** For people: `flag --proxy`, `environment HTTPS_PROXY`, `file /etc/backstitch/proxy`, `none`. */
  readonly source: string
  /** Hosts reached without the proxy: names, `.suffix`, addresses, CIDRs, each with `:PORT` or without, `*`. */
  readonly noProxy: readonly string[]
}

export const DIRECT: Egress = { source: 'none', noProxy: [] }

export const DEFAULT_PROXY_FILE = '/etc/backstitch/proxy'

export interface EgressInput {
  /** Value of `--proxy`. */
  readonly flag?: string
  readonly env?: NodeJS.ProcessEnv
  readonly file?: string
  /** Where this process is a proxy itself: it must not be its own way out. */
  readonly own?: EdgeAddress
}

/** In the order they are asked. Lower case first, as curl does. */
const VARIABLES = ['BACKSTITCH_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const

/**
 * The effective setting: flag, then environment, then file; the first that is set decides, also when it says `none`.
 *
 * @throws {Fault} INVALID naming the source if a setting is there and cannot be used. The value is not quoted: it
 *   may hold a password.
 */
export async function readEgress({
  flag,
  env = process.env,
  file = DEFAULT_PROXY_FILE,
  own,
}: EgressInput): Promise<Egress> {
  const egress = await effective(flag, env, file)
  const { proxy, source } = egress
  if (proxy !== undefined && own !== undefined && isAt(proxy, own)) {
    throw unusable(
      source,
      `${hostPort(proxy)} is the local proxy of this client itself; set BACKSTITCH_PROXY=none to use no proxy`,
    )
  }
  return egress
}

async function effective(flag: string | undefined, env: NodeJS.ProcessEnv, file: string): Promise<Egress> {
  const noProxy = (env.no_proxy ?? env.NO_PROXY ?? '')
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map((entry) => entry.toLowerCase())
  if (flag !== undefined) return { ...setting(flag, 'flag --proxy'), noProxy }
  for (const name of VARIABLES) {
    const value = env[name]?.trim()
    if (value) return { ...setting(value, `environment ${name}`), noProxy }
  }
  const text = await readProxyFile(file)
  return text === undefined ? { source: 'none', noProxy } : { ...setting(text, `file ${file}`), noProxy }
}

async function readProxyFile(file: string): Promise<string | undefined> {
  let text: string
  try {
    text = writtenText(await readFile(file))
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined
    throw new Fault('INVALID', `file ${file} exists but cannot be read: ${errno}`, {
      cause,
      seen: { file, errno },
    })
  }
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.length > 1) throw unusable(`file ${file}`, `expected one line, found ${lines.length}`)
  return lines[0]
}

function setting(text: string, source: string): { proxy?: OutboundProxy; source: string } {
  if (['', 'none', 'direct'].includes(text.trim().toLowerCase())) return { source: `${source} (none)` }
  return { proxy: parseProxy(text.trim(), source), source }
}

/**
 * `[http://][USER:PASSWORD@]HOST:PORT`. Read here and not as a URL: `CORP\\user` and passwords with `#`, `/`, `?` or `@`
 * are what people paste. A user with a colon is written with %3A.
 */
function parseProxy(text: string, source: string): OutboundProxy {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme !== undefined && scheme !== 'http') {
    throw unusable(source, `only HTTP proxies with CONNECT are supported, but it says ${scheme}://`)
  }
  const rest = scheme === undefined ? text : text.slice('http://'.length)
  const at = rest.lastIndexOf('@')
  const where = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?(.*)$/.exec(rest.slice(at + 1).replace(/\/$/, ''))
  const [, written = '', port, more] = where ?? []
  // The URL parser knows which hosts there are, international ones, too.
  const host = URL.parse(`http://${written}`)?.hostname.replace(/^\[|\]$/g, '')
  if (!host || /[/?#\\]/.test(written)) throw unusable(source, 'it is not [USER:PASSWORD@]HOST:PORT')
  if (more !== '') throw unusable(source, 'there is something after the port, or the port is not a number')
  if (port === undefined) throw unusable(source, 'the port is missing')
  if (Number(port) < 1 || Number(port) > 65_535) throw unusable(source, 'the port is not between 1 and 65535')
  const proxy = { host, port: Number(port) }
  const [, user = '', password = ''] = /^([^:]*):?(.*)$/s.exec(rest.slice(0, Math.max(0, at)))!
  if (user === '') return proxy
  try {
    return { ...proxy, auth: { user: decodeURIComponent(user), password: decodeURIComponent(password) } }
  } catch (cause) {
    throw unusable(source, 'a % in user or password must be written as %25', cause)
  }
}

/** Is that the address somebody listens on, as far as can be said without asking a resolver? */
function isAt({ host, port }: OutboundProxy, own: EdgeAddress): boolean {
  if (port !== own.port) return false
  const name = host.toLowerCase()
  if (name === own.host) return true
  const everywhere = own.host === '0.0.0.0' || own.host === '::'
  const here = Object.values(os.networkInterfaces()).flatMap(
    (all) => all?.map(({ address }) => address) ?? [],
  )
  if (everywhere && (here.includes(name) || name === os.hostname().toLowerCase())) return true
  return name === 'localhost' && (everywhere || own.host.startsWith('127.') || own.host === '::1')
}

function unusable(source: string, why: string, cause?: unknown): Fault {
  return new Fault('INVALID', `proxy from ${source}: ${why}`, { cause, seen: { source } })
}

/** The proxy for this destination; undefined when it is reached straight. */
export function egressFor(egress: Egress, { host, port }: EdgeAddress): OutboundProxy | undefined {
  const name = host.toLowerCase().replace(/\.$/, '')
  return egress.noProxy.some((entry) => covers(entry, name, port)) ? undefined : egress.proxy
}

function covers(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true
  const [, bracketed, bare, only] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? []
  if (only !== undefined && Number(only) !== port) return false
  const what = bracketed ?? bare ?? entry // an IPv6 address has colons of its own
  const family = net.isIP(host)
  if (family === 0) {
    const suffix = what.replace(/^\*?\./, '').replace(/\.$/, '')
    return host === suffix || host.endsWith(`.${suffix}`)
  }
  const [network = '', bits] = what.split('/')
  const entryFamily = net.isIP(network)
  const most = entryFamily === 6 ? 128 : 32
  if (entryFamily === 0 || !/^\d{1,3}$/.test(bits ?? `${most}`) || Number(bits ?? most) > most) return false
  const list = new net.BlockList()
  list.addSubnet(network, Number(bits ?? most), entryFamily === 6 ? 'ipv6' : 'ipv4')
  return list.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

/** What `--explain-egress` prints. Never the password. */
export function explainEgress(egress: Egress, edge: EdgeAddress): string {
  const proxy = egressFor(egress, edge)
  const lines: string[] = []
  if (proxy) {
    const login = proxy.auth ? `user "${proxy.auth.user}", password masked` : 'no credentials'
    lines.push(`Egress to ${hostPort(edge)}: HTTP CONNECT through proxy ${hostPort(proxy)} (${login})`)
  } else if (egress.proxy) {
    lines.push(`Egress to ${hostPort(edge)}: direct, because NO_PROXY covers the host`)
  } else {
    lines.push(`Egress to ${hostPort(edge)}: direct`)
  }
  lines.push(`Set by: ${egress.source}`)
  if (egress.noProxy.length > 0) lines.push(`NO_PROXY: ${egress.noProxy.join(', ')}`)
  return `${lines.join('\n')}\n`
}
