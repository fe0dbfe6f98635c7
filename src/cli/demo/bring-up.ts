/**
 * Brings the parts of the demo up, each by the commands that a person would use.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { readDocuments } from '../../api/documents.ts'
import { replaceFile } from '../../base/durable-file.ts'
import { hostPort } from '../../base/host-port.ts'
import { readStatus } from '../../base/status-socket.ts'
import type { ClientStatus } from '../../client/status.ts'
import type { ConnectorStatus } from '../../connector/status.ts'
import { applyDocuments } from '../apply.ts'
import { findContext, writeContext } from '../context.ts'
import { Rest } from '../rest.ts'
import { accessFile, type DemoApplication, GROUP, USER } from './access.ts'
import type { KeptDemo } from './kept.ts'
import { DemoPart } from './part.ts'
import { backstitch, settingsIn } from './programs.ts'
import type { Site } from './site.ts'
import { until } from './until.ts'

const UP_MS = 20_000

/** What `backstitch server --json` prints. */
interface PrintedServerFacts {
  readonly edge: string
  readonly api: string
  readonly fingerprint: string
  readonly pin: string
  readonly token?: string
}

/** Control plane and edge, with the access file applied if it is not yet. */
export async function bringUpServer(o: {
  state: string
  host: string
  port: number
  kept: KeptDemo
  app: DemoApplication
}): Promise<{ part: DemoPart; facts: PrintedServerFacts; rest: Rest }> {
  const { state, host, port, kept, app } = o
  const control = path.join(state, 'control')
  const part = new DemoPart({
    name: 'server',
    command: backstitch(
      ...['server', '--json', '--state', control],
      ...['--listen', hostPort({ host, port }), '--public-host', host],
      ...['--drain', '0', '--config', settingsIn(control, 'server')],
    ),
    log: path.join(state, 'server.log'),
  })
  try {
    const facts = JSON.parse(await part.output('\n}')) as PrintedServerFacts
    const context = path.join(state, 'context.json')
    const server = new URL(facts.api).origin
    await writeContext(context, { server, fingerprint: facts.fingerprint, tokenFile: 'control/admin.token' })
    const rest = new Rest(await findContext(context))
    const described = JSON.stringify(app)
    if (kept.application !== described) {
      const file = path.join(state, 'access.yaml')
      const text = accessFile(app, kept.password)
      await replaceFile(file, text)
      await applyDocuments(rest, readDocuments(text, file))
      kept.application = described
    }
    return { part, facts, rest }
  } catch (error) {
    await part[Symbol.asyncDispose]()
    throw error
  }
}

/** Faults that a fresh enrolment cures. */
const NEEDS_KEY = [
  'KEY_MISSING',
  'KEY_EXPIRED',
  'KEY_EXHAUSTED',
  'KEY_REVOKED',
  'KEY_UNKNOWN',
  'CERT_EXPIRED',
]

/** The connector, enrolled with a key file the first time. */
export async function bringUpConnector(o: {
  state: string
  site: Site
  edge: { host: string; port: number }
  rest: Rest
  kept: KeptDemo
}): Promise<{ user: string; healthyMs: number }> {
  const { state, site, edge, rest, kept } = o
  const folder = path.join(state, 'connector')
  if (kept.sealedIn !== undefined && kept.sealedIn !== site.kind)
    rmSync(folder, { recursive: true, force: true })
  kept.sealedIn = site.kind
  let given = !existsSync(path.join(folder, 'identity.json'))
  if (given) await putKey(rest, folder)
  const user = await site.startConnector(edge)
  const status = await Promise.race([
    site.broken,
    until('the connector is not healthy', UP_MS, async () => {
      const said = (await readStatus(path.join(folder, 'status.sock'))) as ConnectorStatus | undefined
      if (said?.fault !== undefined && NEEDS_KEY.includes(said.fault.code) && !given) {
        given = true
        await putKey(rest, folder)
      }
      return said?.state === 'healthy' ? said : undefined
    }),
  ])
  return { user, healthyMs: status.startToHealthyMs ?? 0 }
}

/** A key for one connector, for ten minutes, in a file that only the connector reads. */
async function putKey(rest: Rest, folder: string): Promise<void> {
  const body = {
    name: `demo-${Date.now().toString(36)}`,
    group: GROUP,
    maxUses: 1,
    expiresAt: new Date(Date.now() + 600_000).toISOString(),
  }
  const { key } = (await rest.call('/provisioning-keys', { method: 'POST', body })).body as { key: string }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = path.join(folder, 'provision_key')
  const { uid, gid } = statSync(folder)
  await replaceFile(file, `${key}\n`, process.getuid?.() === 0 ? { owner: { uid, gid } } : {})
}

/** Signs in, as a person would once a day, and runs the client. */
export async function bringUpClient(o: {
  state: string
  edge: { host: string; port: number }
  pin: string
  kept: KeptDemo
}): Promise<DemoPart> {
  const { state, edge, pin, kept } = o
  const folder = path.join(state, 'client')
  const common = ['client', '--state', folder, '--config', settingsIn(folder, 'client')]
  await signIn(
    backstitch(
      ...common,
      ...['login', '--edge', hostPort(edge), '--pin', pin, '--user', USER, '--password-file', '-'],
    ),
    kept.password,
  )
  const part = new DemoPart({
    name: 'client',
    command: backstitch(...common, 'run', '--listen', `127.0.0.1:${kept.proxyPort}`),
    log: path.join(state, 'client.log'),
  })
  try {
    await Promise.race([
      part.ended.then((how) => Promise.reject(new Error(`the client exited (${how})\n${part.lastLines()}`))),
      until('the client is not connected', UP_MS, async () => {
        const socket = path.join(folder, 'status.sock')
        if (!existsSync(socket)) return undefined
        const said = (await readStatus(socket)) as ClientStatus | undefined
        return said?.state === 'connected' && said.proxy !== undefined ? said : undefined
      }),
    ])
    return part
  } catch (error) {
    await part[Symbol.asyncDispose]()
    throw error
  }
}

async function signIn([program = '', ...args]: string[], password: string): Promise<void> {
  const login = spawn(program, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...process.env, NO_PROXY: '*', no_proxy: '*' },
    detached: true, // Ctrl-C is for the demo
  })
  login.stdin.on('error', () => {}) // it ended before it read
  login.stdin.end(`${password}\n`)
  let said = ''
  login.stderr.setEncoding('utf8').on('data', (part: string) => {
    said += part
  })
  const [status] = await once(login, 'close')
  if (status !== 0) throw new Error(`the client could not sign in:\n${said}`)
}
