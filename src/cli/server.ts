import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { type Command, Option } from 'commander'
import { z } from 'zod'
import { readConfig } from '../base/config.ts'
import { Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { createLog } from '../base/log.ts'
import { VERSION } from '../base/version.ts'
import type { Control } from '../control/control.ts'
import { writeContext, writeToken } from './context.ts'
import { examples, globals, parseHostPort, parsePort, parseSeconds } from './globals.ts'
import { untilStopped } from './signals.ts'
import { print, printJson } from './terminal.ts'

const DEFAULT_CONFIG = '/etc/backstitch/server.yaml'
const filePath = z.string().min(1).max(4096)

/** /etc/backstitch/server.yaml. Every key has a default: an empty or absent file is a whole configuration. */
const serverConfig = z.strictObject({
  /** Database, master key, certificates, context. Must survive a restart. */
  stateDir: filePath.default('/var/lib/backstitch/server'),
  /** Where the edge listens. */
  listen: z.string().min(3).max(300).default('0.0.0.0:443'),
  /** A second port for control connections of agents only; they fall back to that of `listen`. */
  controlPort: z.number().int().min(1).max(65_535).optional(),
  /** Name or address that agents and people reach the edge by; needed where `listen` is every address. */
  publicHost: z.string().min(1).max(253).optional(),
  /** Certificate chain and key for people and tools, PEM; made and kept by the server when absent. */
  publicCertificate: z.strictObject({ certFile: filePath, keyFile: filePath }).optional(),
  /** How long open tunnels may go on after a stop was asked for, in seconds. */
  drainSeconds: z.number().int().min(0).max(3600).default(10),
})

interface ServerFlags {
  readonly config: string
  readonly state?: string
  readonly listen?: string
  readonly controlPort?: number
  readonly publicHost?: string
  readonly drain?: number
}

export function addServer(program: Command): void {
  program
    .command('server')
    .description('Run control plane and one service edge in one process, on embedded defaults')
    .addOption(
      new Option('--config <file>', 'YAML configuration').env('BACKSTITCH_CONFIG').default(DEFAULT_CONFIG),
    )
    .addOption(new Option('--state <dir>', 'state directory').env('BACKSTITCH_STATE'))
    .addOption(new Option('--listen <host:port>', 'where the edge listens').env('BACKSTITCH_LISTEN'))
    .addOption(
      new Option('--control-port <port>', 'second port for control connections of agents only').argParser(
        parsePort,
      ),
    )
    .addOption(
      new Option('--public-host <host>', 'name or address that agents reach the edge by').env(
        'BACKSTITCH_PUBLIC_HOST',
      ),
    )
    .addOption(
      new Option('--drain <seconds>', 'how long open tunnels may go on after a stop').argParser(parseSeconds),
    )
    .addHelpText(
      'after',
      examples(
        ['backstitch server --public-host edge.example.com', 'state in /var/lib/backstitch/server, port 443'],
        ['backstitch server --state ./state --listen 127.0.0.1:8443', 'try it without root'],
      ),
    )
    .action(runServer)
}

async function runServer(flags: ServerFlags, command: Command): Promise<void> {
  using stop = untilStopped()
  const config = await serverOptions(flags)
  const log = createLog('server')
  const { EmbeddedServer } = await import('./embedded-server.ts')
  await using server = await EmbeddedServer.open({ ...config, log })
  const { control, edge } = server
  const at = `${hostInUrl(config.publicHost)}:${edge.port}`
  const contextFile = path.resolve(config.stateDir, 'context.json')
  const token = await adminToken(control, contextFile)
  const tokenFile = 'admin.token'
  if (token !== undefined) await writeToken(path.join(config.stateDir, tokenFile), token)
  const listen = `${hostInUrl(config.listen.host)}:${edge.port}`
  await writeContext(contextFile, {
    server: `https://${at}`,
    fingerprint: edge.fingerprint,
    tokenFile,
    listen,
  })
  const facts = {
    version: VERSION,
    edge: at,
    api: `https://${at}/api/v1`,
    fingerprint: edge.fingerprint,
    pin: control.pin.toString('hex'),
    context: contextFile,
    ...(token === undefined ? {} : { token }),
  }
  if (globals(command).json) printJson(facts)
  else print(startText(facts))
  log.info(
    { event: 'server.listening', edge: at, version: VERSION },
    `Server ${VERSION} is listening at ${at}`,
  )
  await new Promise<void>((resolve) => {
    if (stop.signal.aborted) resolve()
    else stop.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  log.info({ event: 'server.stopping', drainSeconds: config.drainSeconds }, 'Server is stopping')
  await server.drain(config.drainSeconds * 1000)
}

/**
 * The token of the first run. A first run that ended before it could listen has made one that nobody saw: without
 * a context file beside it, another takes its place.
 */
async function adminToken(control: Control, contextFile: string): Promise<string | undefined> {
  if (control.firstToken !== undefined || existsSync(contextFile)) return control.firstToken
  const { createToken } = await import('../control/rest/auth.ts')
  return control.store.transaction(async (tx) => {
    const name = newId('tok').slice(-8)
    const { text, record } = await createToken(tx, { name: `first-${name}`, role: 'owner' })
    const detail = { name: record.name, role: 'owner', because: 'the first start ended before it listened' }
    await tx.audit.append({ actor: 'system', action: 'token.create', object: `token ${record.id}`, detail })
    return text
  })
}

/** @throws {Fault} INVALID with file:line:column. An absent file is the defaults. */
export async function readServerConfig(file = DEFAULT_CONFIG): Promise<z.output<typeof serverConfig>> {
  return (await readConfig(file, { schema: serverConfig, hop: 'control' })) ?? serverConfig.parse({})
}

/** Flag and environment, then file, then default. @throws {Fault} INVALID. */
async function serverOptions(flags: ServerFlags) {
  const config = await readServerConfig(flags.config)
  const listen = parseHostPort(flags.listen ?? config.listen)
  const publicHost = flags.publicHost ?? config.publicHost
  const everywhere = ['0.0.0.0', '::'].includes(listen.host)
  if (everywhere && publicHost === undefined) {
    throw new Fault('INVALID', `listening on ${listen.host} needs --public-host: the name agents dial`, {
      hop: 'control',
    })
  }
  const files = config.publicCertificate
  return {
    stateDir: flags.state ?? config.stateDir,
    listen,
    controlPort: flags.controlPort ?? config.controlPort,
    publicHost: publicHost ?? listen.host,
    drainSeconds: flags.drain ?? config.drainSeconds,
    publicCertificate: files && {
      cert: await readPem(files.certFile),
      key: await readPem(files.keyFile),
    },
  }
}

async function readPem(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new Fault('INVALID', `${file} cannot be read: ${cause.code}`, { cause, hop: 'control' })
  })
}

function startText(facts: Record<string, string>): string {
  const { token, ...shown } = facts
  const lines = Object.entries(shown).map(([name, value]) => `  ${name.padEnd(12)} ${value}`)
  if (token !== undefined) {
    // What is not a terminal is a journal, and keeps it.
    if (process.stdout.isTTY) {
      lines.push('', `  admin token  ${token}`, '  Shown this once.')
    }
    lines.push('', '  The admin token lies beside the context file, mode 0600.')
  }
  return `Backstitch server\n${lines.join('\n')}\n`
}

function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
