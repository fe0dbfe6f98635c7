import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { asFault, type Fault } from '../base/faults.ts'
import { readStatus } from '../base/status-socket.ts'
import { clientDirs } from '../client/dirs.ts'
import type { ClientStatus } from '../client/status.ts'
import type { ConnectorStatus } from '../connector/status.ts'
import type { EdgeDaemonStatus } from '../edge/edge-status.ts'
import { clientStatusText } from './client-status.ts'
import { cellsOf, HEADS } from './columns.ts'
import { connectorStatusText } from './connector-status.ts'
import { CONTEXT_FILE, findContext, SERVER_FOLDER } from './context.ts'
import { edgeStatusText } from './edge-status.ts'
import { factsText } from './facts.ts'
import { examples, type Globals, globals } from './globals.ts'
import { recentRefusals } from './key-refusal.ts'
import type { ResourceRow } from './resource-row.ts'
import { Rest } from './rest.ts'
import { silentDaemon } from './silent-daemon.ts'
import { inLine, print, printJson, say, table } from './terminal.ts'

/** What a daemon gives: its status, and its metrics as Prometheus text. */
type DaemonAnswer = (ConnectorStatus | ClientStatus | EdgeDaemonStatus) & { readonly metrics?: string }

/** Of each kind. */
const SHOWN = 1000

interface Found {
  readonly daemons: DaemonAnswer[]
  readonly server?: { readonly url: string; readonly connectors: ResourceRow[]; readonly degraded: string[] }
  readonly serverFault?: Fault
}

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('What runs on this machine, and the control plane in the current context')
    .option('--state <dir>', 'show only the daemon with this state directory')
    .option('--metrics', "print the daemons' metrics instead, as Prometheus text")
    .addHelpText(
      'after',
      examples(
        ['backstitch status', 'connector, client and control plane'],
        ['backstitch status --state /var/lib/backstitch/connector', 'one daemon: which stage has failed'],
        ['backstitch status --state DIR --metrics > DIR.prom', 'for the textfile collector of node_exporter'],
      ),
    )
    .action(async (options: { state?: string; metrics?: boolean }, command: Command) => {
      if (options.metrics) return print((await metricsOf(options.state)).trimEnd())
      const found = await look(options.state, globals(command))
      if (globals(command).json) {
        const daemons = found.daemons.map(({ metrics: _text, ...status }) => status)
        printJson({ daemons, server: found.server ?? null })
      } else print(foundText(found))
      if (found.serverFault !== undefined && found.daemons.length > 0) {
        say(`\ncontrol plane: ${found.serverFault.code}: ${inLine(found.serverFault.detail)}`)
      }
    })
}

async function look(state: string | undefined, { context, json: raw }: Globals): Promise<Found> {
  const folders = foldersOf(state)
  const daemons = await ask(folders)
  const own = state === undefined ? undefined : serverContext(state)
  if (state !== undefined && own === undefined) {
    if (daemons.length === 0) throw await silentDaemon(folders)
    return { daemons }
  }
  try {
    const found = await findContext(own ?? context)
    const rest = new Rest(found, { raw })
    const [connectors, keys, edges] = await Promise.all([
      rest.list<ResourceRow>('/connectors', SHOWN),
      rest.list<ResourceRow>('/provisioning-keys', SHOWN),
      rest.list<ResourceRow>('/edges', SHOWN),
    ])
    return {
      daemons,
      server: {
        url: found.server,
        connectors,
        degraded: [...shortOf(edges), ...recentRefusals(keys, Date.now())],
      },
    }
  } catch (error) {
    const fault = asFault(error)
    if (daemons.length > 0) return { daemons, serverFault: fault }
    throw fault.code === 'CONTEXT_MISSING' && context === undefined ? await silentDaemon(folders) : fault
  }
}

function shortOf(edges: readonly ResourceRow[]): string[] {
  return edges.flatMap(({ name, notes = [] }) =>
    notes.map(({ code, detail }: ResourceRow) => `degraded: edge ${name}: ${code}: ${detail}`),
  )
}

function foldersOf(state: string | undefined): string[] {
  if (state !== undefined) {
    const folder = path.resolve(state)
    return serverContext(state) === undefined ? [folder] : [path.join(folder, 'edge')]
  }
  const own = clientDirs().state
  return [
    path.resolve('.backstitch/connector'),
    path.resolve('.backstitch/client'),
    '/var/lib/backstitch/connector',
    '/var/lib/backstitch/edge',
    path.join(SERVER_FOLDER, 'edge'),
    ...(own === undefined ? [] : [own]),
  ]
}

/** The context in a state directory of a server, whose control plane answers in the place of a status socket. */
function serverContext(state: string): string | undefined {
  const file = path.resolve(state, CONTEXT_FILE)
  return existsSync(file) ? file : undefined
}

async function ask(folders: readonly string[]): Promise<DaemonAnswer[]> {
  const answers = await Promise.all(folders.map((folder) => readStatus(path.join(folder, 'status.sock'))))
  return answers.filter((answer) => answer !== undefined) as DaemonAnswer[]
}

async function metricsOf(state: string | undefined): Promise<string> {
  const folders = foldersOf(state)
  const daemons = await ask(folders)
  if (daemons.length === 0) throw await silentDaemon(folders)
  return daemons.map(({ metrics = '' }) => metrics).join('')
}

const NO_CONNECTOR =
  'No connector has enrolled yet: declare a connector group, then backstitch key create --group GROUP'

function foundText({ daemons, server }: Found): string {
  const parts = daemons.map((daemon) => {
    if (daemon.role === 'connector') return connectorStatusText(daemon)
    return daemon.role === 'edge' ? edgeStatusText(daemon) : clientStatusText(daemon)
  })
  if (server !== undefined) {
    const { url, connectors, degraded } = server
    parts.push(factsText([['control plane', url], ...degraded.map((line) => ['note', line] as const)]))
    if (connectors.length > 0) {
      parts.push(
        table(
          HEADS.connector,
          connectors.map((row) => cellsOf('connector', row)),
        ),
      )
    } else parts.push(NO_CONNECTOR)
  }
  return parts.join('\n\n')
}
