/**
 * Squid, as companies have it: a proxy with or without sign-in, and a gateway that opens TLS and signs it again.
 *
 * @module
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Daemon } from './daemon.ts'
import type { Machine } from './machine.ts'

export interface SquidProxy {
  readonly port: number
  readonly address: string
  /** `USER:PASSWORD`; without it, whoever asks is let through. */
  readonly login?: string
  /** Lets in only who signs in the way of Windows. */
  readonly ntlm?: boolean
  /** Where CONNECT may go; everywhere by default. */
  readonly connectPorts?: readonly number[]
}

const HELPERS = '/usr/lib/squid'
/** Debian's squid gives up root for this user. */
const USER = 'proxy'

/** An explicit proxy. */
export async function startSquid(machine: Machine, o: SquidProxy): Promise<Daemon> {
  const dir = await folder(machine)
  const ports =
    o.connectPorts === undefined
      ? []
      : [`acl tls port ${o.connectPorts.join(' ')}`, 'http_access deny CONNECT !tls']
  const login: string[] = []
  if (o.login !== undefined) {
    const [user, password] = o.login.split(':') as [string, string]
    const hash = (await machine.succeed('openssl', 'passwd', '-apr1', password)).trim()
    const users = machine.file('squid-users', `${user}:${hash}\n`, { mode: 0o644 })
    login.push(
      `auth_param basic program ${HELPERS}/basic_ncsa_auth ${users}`,
      'auth_param basic realm outbound',
      'acl known proxy_auth REQUIRED',
      'http_access deny !known',
    )
  }
  if (o.ntlm) {
    login.push(
      `auth_param ntlm program ${HELPERS}/ntlm_fake_auth`,
      'auth_param ntlm children 1 startup=1',
      'acl known proxy_auth REQUIRED',
      'http_access deny !known',
    )
  }
  const config = [`http_port ${o.address}:${o.port}`, ...login, ...ports, 'http_access allow all']
  return start(machine, { dir, config, port: o.port })
}

/** Takes over connections that a firewall redirects to it, shows a certificate of its own CA and looks inside. */
export async function startInspectingSquid(
  machine: Machine,
  o: { port: number; subject: string },
): Promise<Daemon> {
  const dir = await folder(machine)
  const at = (name: string) => path.join(dir, name)
  const ca = ['-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', o.subject]
  await machine.succeed('openssl', 'req', '-x509', ...ca, '-keyout', at('ca.pem'), '-out', at('ca.crt'))
  await machine.succeed('sh', '-c', `cat ${at('ca.crt')} >> ${at('ca.pem')}`)
  await machine.succeed('rm', '-rf', at('certificates'))
  await machine.succeed(`${HELPERS}/security_file_certgen`, '-c', '-s', at('certificates'), '-M', '4MB')
  const config = [
    `http_port 127.0.0.1:${o.port + 1}`,
    `https_port ${o.port} intercept ssl-bump generate-host-certificates=on cert=${at('ca.pem')}`,
    `sslcrtd_program ${HELPERS}/security_file_certgen -s ${at('certificates')} -M 4MB`,
    'sslcrtd_children 1 startup=1',
    'tls_outgoing_options flags=DONT_VERIFY_PEER',
    'sslproxy_cert_error allow all',
    'acl first at_step SslBump1',
    'ssl_bump peek first',
    'ssl_bump bump all',
    'http_access allow all',
  ]
  return start(machine, { dir, config, port: o.port })
}

async function folder(machine: Machine): Promise<string> {
  const dir = path.join(machine.dir, 'squid')
  mkdirSync(dir, { recursive: true })
  return dir
}

async function start(
  machine: Machine,
  { dir, config, port }: { dir: string; config: readonly string[]; port: number },
): Promise<Daemon> {
  const lines = [
    ...config,
    ...['pid_filename none', 'cache deny all', 'shutdown_lifetime 0 seconds', 'max_filedescriptors 1024'],
    ...[`access_log stdio:${dir}/access.log`, `cache_log ${dir}/cache.log`, `coredump_dir ${dir}`],
    'visible_hostname proxy.dc1.example.com',
  ]
  const file = machine.file('squid.conf', `${lines.join('\n')}\n`, { mode: 0o644 })
  await machine.succeed('chown', '-R', `${USER}:${USER}`, dir)
  const daemon = machine.start('squid', ['squid', '-N', '-f', file])
  const listens = async () => (await machine.run('ss', '-Hltn', `sport = :${port}`)).stdout !== ''
  await daemon.until(listens, 'listen', 20_000)
  return daemon
}
