/**
 * How this machine gets out: straight, or through an HTTP proxy; and, always, who said so, because a proxy setting
 * of unknown origin is the hardest one to repair.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import { Fault } from '../base/faults.ts'
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
  /** Hosts reached without the proxy: names, `.suffix`, addresses, CIDRs, `*`. */
  readonly noProxy: readonly string[]
}

export const DIRECT: Egress = { source: 'none', noProxy: [] }

export const DEFAULT_PROXY_FILE = '/etc/backstitch/proxy'

export interface EgressInput {
  /** Value of `--proxy`. */
  readonly flag?: string
  readonly env?: NodeJS.ProcessEnv
  readonly file?: string
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
}: EgressInput): Promise<Egress> {
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
    text = await readFile(file, 'utf8')
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined
    throw new Fault('INVALID', `file ${file} exists and cannot be read: ${errno}`, {
      cause,
      seen: { file, errno },
    })
  }
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.length > 1) throw unusable(`file ${file}`, `one line is wanted and there are ${lines.length}`)
  return lines[0]
}

function setting(text: string, source: string): { proxy?: OutboundProxy; source: string } {
  if (['', 'none', 'direct'].includes(text.trim().toLowerCase())) return { source: `${source} (none)` }
  return { proxy: parseProxy(text.trim(), source), source }
}

/** `[http://][USER:PASSWORD@]HOST:PORT`. */
function parseProxy(text: string, source: string): OutboundProxy {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme !== undefined && scheme !== 'http') {
    throw unusable(source, `only HTTP proxies with CONNECT are spoken to, and it says ${scheme}://`)
  }
  const url = URL.parse(scheme === undefined ? `http://${text}` : text)
  if (url === null || url.hostname === '') throw unusable(source, 'it is not [USER:PASSWORD@]HOST:PORT')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw unusable(source, 'there is something after the port')
  }
  // URL drops :80 as the default of http, so a missing port is looked for in the text.
  if (!/:\d+\/?$/.test(text)) throw unusable(source, 'the port is missing')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? 80 : Number(url.port)
  if (url.username === '') return { host, port }
  try {
    const auth = { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
    return { host, port, auth }
  } catch (cause) {
    throw unusable(source, 'a % in user or password must be written as %25', cause)
  }
}

function unusable(source: string, why: string, cause?: unknown): Fault {
  return new Fault('INVALID', `proxy from ${source}: ${why}`, { cause, seen: { source } })
}

/** The proxy for this host; undefined when it is reached straight. */
export function egressFor(egress: Egress, host: string): OutboundProxy | undefined {
  const name = host.toLowerCase().replace(/\.$/, '')
  return egress.noProxy.some((entry) => covers(entry, name)) ? undefined : egress.proxy
}

function covers(entry: string, host: string): boolean {
  if (entry === '*') return true
  const family = net.isIP(host)
  if (family !== 0) {
    if (!entry.includes('/')) return entry.replace(/^\[|\]$/g, '') === host
    const [network, bits] = entry.split('/')
    const entryFamily = net.isIP(network!)
    if (entryFamily === 0 || !/^\d{1,3}$/.test(bits!) || Number(bits) > (entryFamily === 6 ? 128 : 32)) {
      return false
    }
    const list = new net.BlockList()
    list.addSubnet(network!, Number(bits), entryFamily === 6 ? 'ipv6' : 'ipv4')
    return list.check(host, family === 6 ? 'ipv6' : 'ipv4')
  }
  const suffix = entry.replace(/^\*?\./, '')
  return host === suffix || host.endsWith(`.${suffix}`)
}

/** What `--explain-egress` prints. Never the password. */
export function explainEgress(egress: Egress, edge: EdgeAddress): string {
  const proxy = egressFor(egress, edge.host)
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

/** `host:port`, with an IPv6 address in brackets. */
export function hostPort({ host, port }: EdgeAddress): string {
  return net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}
