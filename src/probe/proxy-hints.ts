import { homedir } from 'node:os'
import path from 'node:path'
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
const SETTING =
  /proxy[^\n]*?(?:=|\s|"|::)\s*"?(?:http:\/\/)?(?:[^\s"@/]*@)?([A-Za-z0-9.-]+|\[[0-9a-f:]+\]):(\d{2,5})\b/gi

/** Proxies named elsewhere on this machine, each once. Passwords are passed over. */
export async function findProxyHints(
  env: NodeJS.ProcessEnv = process.env,
  files = FILES,
): Promise<ProxyHint[]> {
  const texts = await Promise.all(
    [...files, path.join(homedir(), '.wgetrc'), path.join(homedir(), '.curlrc')].map(async (file) => ({
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
    for (const [, host, port] of lines.join('\n').matchAll(SETTING)) {
      const hint = { host: host!.replace(/^\[|\]$/g, ''), port: Number(port), source }
      if (hint.port < 65_536 && !hints.has(`${host}:${port}`)) hints.set(`${host}:${port}`, hint)
    }
  }
  return [...hints.values()]
}
