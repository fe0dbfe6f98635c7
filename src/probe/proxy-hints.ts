import path from 'node:path'
import { homeFolder } from '../base/own-user.ts'
import { textOf } from './file-access.ts'

/** A proxy that other programs of this machine are told to use. */
export interface ProxyHint {
  readonly host: string
  readonly port: number
  /** File or variable that says so. */
  readonly source: string
}

/** Where administrators tell package managers and shells. */
const FILES = [
  '/etc/environment',
  '/etc/profile.d/proxy.sh',
  '/etc/wgetrc',
  '/etc/apt/apt.conf',
  '/etc/apt/apt.conf.d/proxy.conf',
  '/etc/apt/apt.conf.d/95proxies',
  '/etc/dnf/dnf.conf',
  '/etc/yum.conf',
  '/etc/sysconfig/proxy',
  '/etc/systemd/system.conf.d/proxy.conf',
]
/** Not among those that decide our own egress: they are for plain HTTP. */
const VARIABLES = ['http_proxy', 'HTTP_PROXY', 'ftp_proxy', 'FTP_PROXY']
/** With a port, or as an address of the web, whose port need not be said. In quotes of either kind, or none. */
const SETTING =
  /proxy[^\n]*?(?:=|\s|["']|::)\s*["']?(?:(?<scheme>https?):\/\/)?(?:[^\s"'@/]*@)?(?<host>[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::(?<port>\d{2,5})\b|(?=[\s"'/;]|$))/gim
/** By the scheme, where no port is named. */
const PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 }

/** Proxies named elsewhere on this machine, each once. Passwords are passed over. */
export async function findProxyHints(
  env: NodeJS.ProcessEnv = process.env,
  files = FILES,
): Promise<ProxyHint[]> {
  const home = homeFolder(env)
  const own = home === undefined ? [] : ['.wgetrc', '.curlrc'].map((name) => path.join(home, name))
  const texts = await Promise.all(
    [...files, ...own].map(async (file) => ({
      source: `file ${file}`,
      text: (await textOf(file)) ?? '',
    })),
  )
  const variables = VARIABLES.map((name) => ({
    source: `environment ${name}`,
    text: `proxy=${env[name] ?? ''}`,
  }))
  const hints = new Map<string, ProxyHint>()
  for (const { source, text } of [...variables, ...texts]) {
    const lines = text.split('\n').filter((line) => !/^\s*#|no_proxy/i.test(line))
    for (const { groups } of lines.join('\n').matchAll(SETTING)) {
      const { scheme = '', host = '' } = groups!
      const port = Number(groups!.port ?? PORTS[scheme.toLowerCase()] ?? Number.NaN)
      if (!(port < 65_536) || hints.has(`${host}:${port}`)) continue
      hints.set(`${host}:${port}`, { host: host.replace(/^\[|\]$/g, ''), port, source })
    }
  }
  return [...hints.values()]
}
