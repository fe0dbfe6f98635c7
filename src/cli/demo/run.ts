import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { Fault } from '../../base/faults.ts'
import { homeFolder } from '../../base/own-user.ts'
import { lockState } from '../../base/state-lock.ts'
import { readStatus } from '../../base/status-socket.ts'
import { refuseStrangers, strangerFault, strangerOn } from '../../base/strangers.ts'
import { EXIT } from '../exit-codes.ts'
import { milliseconds } from '../session-line.ts'
import { untilStopped } from '../signals.ts'
import { print, say, style } from '../terminal.ts'
import { timeline } from '../timeline.ts'
import { bringUpClient, bringUpConnector, bringUpServer } from './bring-up.ts'
import { commandsText } from './commands-text.ts'
import { readKept, writeKept } from './kept.ts'
import { freePort } from './ports.ts'
import { prove } from './proof.ts'
import { openSite } from './site.ts'
import { until } from './until.ts'

/**
 * `backstitch demo`. The caller ends the process with the code: what was half started then ends with it.
 *
 * @returns The exit code.
 */
export async function runDemo(options: {
  state: string
  /** By the person who started it. */
  named: boolean
  namespace: boolean
}): Promise<number> {
  const state = await ownState(path.resolve(options.state), options.named)
  // The connector runs as another user and has to come through; what is secret below is 0700 or 0600 by itself.
  mkdirSync(state, { recursive: true, mode: 0o755 })
  await refuseStrangers(state, { code: 'STATE_UNWRITABLE', hop: 'client' }) // somebody else may have been first
  using _held = await lockState(state, 'client')
  using stop = untilStopped()
  const parts = new AsyncDisposableStack()
  try {
    const stopped = new Promise<'stopped'>((resolve) => {
      const stopNow = () => resolve('stopped')
      if (stop.signal.aborted) stopNow()
      stop.signal.addEventListener('abort', stopNow, { once: true })
    })
    const starting = start(state, options.namespace, parts)
    starting.catch(() => {}) // awaited here, unless somebody asks to end before
    const up = await Promise.race([starting, stopped])
    if (up !== 'stopped') await Promise.race([up.broken, stopped])
    return EXIT.OK
  } catch (error) {
    if (error instanceof Fault) throw error
    say(`${style('red', 'demo', process.stderr)}: ${(error as Error).message}`)
    say(`The logs of all parts are in ${state}.`)
    return EXIT.FAULT
  } finally {
    await parts.disposeAsync()
    if (stop.signal.aborted) say('Stopped; nothing is left running. The next start reuses what is kept.')
  }
}

/**
 * A checkout may belong to another user than root, who starts this in it: what is kept there they could change. It is then
 * kept in the home of who starts it, unless a place was named.
 */
async function ownState(state: string, named: boolean): Promise<string> {
  const stranger = await strangerOn(state)
  if (stranger === undefined) return state
  const home = named ? undefined : homeFolder()
  if (home === undefined) throw strangerFault(state, stranger, { code: 'STATE_UNWRITABLE', hop: 'client' })
  const own = path.join(home, path.basename(state))
  await refuseStrangers(own, { code: 'STATE_UNWRITABLE', hop: 'client' })
  say(`${stranger.path}: ${stranger.why}. Demo data is kept in ${own}.`)
  return own
}

/** Brings every part up, shows the path once, prints what to do with it. @returns What rejects when a part ends by itself. */
async function start(
  state: string,
  namespaces: boolean,
  parts: AsyncDisposableStack,
): Promise<{ broken: Promise<never> }> {
  const kept = readKept(state)
  await partsOfTheLastRunEnd(state)
  print(style('bold', 'Backstitch demo'))
  line('state', path.relative(process.cwd(), state) || '.')
  const site = parts.use(await openSite(state, { namespaces, said: (text) => line('note', text) }))
  line('application', site.note)
  kept.edgePort = await port('edge', site.edgeHost, kept.edgePort)
  const server = await bringUpServer({
    state,
    host: site.edgeHost,
    port: kept.edgePort,
    kept,
    app: site.application,
  })
  parts.use(server.part)
  line('server', `control plane and edge at https://${server.facts.edge}`)
  if (server.facts.token !== undefined) line('admin token', `${server.facts.token}  (shown only once)`)
  const edge = { host: site.edgeHost, port: kept.edgePort }
  const connector = await bringUpConnector({ state, site, edge, rest: server.rest, kept })
  line(
    'connector',
    `healthy ${connector.healthyMs} ms after startup, running as ${connector.user}, listening on no port`,
  )
  kept.proxyPort = await port('local proxy', '127.0.0.1', kept.proxyPort)
  const client = parts.use(await bringUpClient({ state, edge, pin: server.facts.pin, kept }))
  line('client', `SOCKS5 and HTTP proxy on 127.0.0.1:${kept.proxyPort}`)
  await writeKept(state, kept)

  const first = await prove(server.rest, site.application, kept.proxyPort)
  const again = await prove(server.rest, site.application, kept.proxyPort)
  print(`\nOne request through the whole path: ${first.status}, ${first.bytes} bytes, “${first.heading}”\n`)
  print(timeline(first.session.times))
  print(`\nA second one, over the tunnel that is now open: ${milliseconds(again.session.times.totalUs ?? 0)}`)
  print(
    commandsText({ app: site.application, state, kept, session: first.session.id, api: server.facts.api }),
  )
  const gone = (part: { name: string; ended: Promise<number | string> }) =>
    part.ended.then((how) => Promise.reject(new Error(`the ${part.name} exited (${how})`)))
  const broken = Promise.race([site.broken, gone(server.part), gone(client)])
  broken.catch(() => {})
  return { broken }
}

/** After `kill -9` of a demo its parts notice that they are alone; that takes them a moment. */
async function partsOfTheLastRunEnd(state: string): Promise<void> {
  const sockets = ['connector', 'client'].map((name) => path.join(state, name, 'status.sock'))
  await until('parts of an earlier start are still running', 5000, async () => {
    const answers = await Promise.all(sockets.map((file) => existsSync(file) && readStatus(file)))
    return answers.some((answer) => answer) ? undefined : true
  })
}

async function port(what: string, host: string, wanted: number): Promise<number> {
  const { port: found, heldBy } = await freePort(host, wanted)
  if (heldBy !== undefined) line('note', `port ${wanted} is in use by ${heldBy}; the ${what} uses ${found}`)
  return found
}

function line(name: string, text: string): void {
  print(`  ${style('dim', name.padEnd(12))} ${text}`)
}
