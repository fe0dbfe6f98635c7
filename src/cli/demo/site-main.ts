/**
 * Leads the private site of the demo: the first process in its network namespace, started through unshare. Puts
 * the application into a namespace of its own, behind one veth, and the connector beside itself. Ends, with what
 * it started, when its standard input does.
 *
 *     edge ── veth or wire ── [ this namespace: connector ] ── veth ── [ application ]
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../../base/program-files.ts'
import { takesConnections } from '../../base/takes-connections.ts'
import { DemoPart } from './part.ts'
import { connectorCommand, demoProgram } from './programs.ts'
import type { SiteAnswer, SiteOrder } from './site-messages.ts'
import { giveFolderTo, unprivileged } from './unprivileged.ts'
import { openWire } from './wire.ts'

const GATEWAY = '10.213.7.1'
const PROBE_MS = 700

const owned = new AsyncDisposableStack()

function answer(message: SiteAnswer): void {
  if (process.connected) process.send?.(message)
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

async function buildNetwork({ uplink, application, name, state }: SiteOrder & { order: 'network' }) {
  const { address, webPort, echoPort } = application
  run('ip', 'link', 'set', 'lo', 'up')
  if (uplink !== undefined) {
    run('ip', 'address', 'add', uplink, 'dev', 'edge0')
    run('ip', 'link', 'set', 'edge0', 'up')
  }
  // Only here does the application have a name. This process is in a mount namespace of its own.
  const hosts = path.join(state, 'site', 'hosts')
  writeFileSync(hosts, `127.0.0.1 localhost\n${address} ${name}\n`, { mode: 0o644 })
  run('mount', '--bind', hosts, '/etc/hosts')
  const app = start(
    'application',
    ['unshare', '--net', ...demoProgram('demo-application', '0.0.0.0', String(webPort), String(echoPort))],
    path.join(state, 'site', 'application.log'),
  )
  await app.output('listening')
  const inside = ['nsenter', `--net=/proc/${app.pid}/ns/net`, 'ip'] as const
  run('ip', 'link', 'add', 'app0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(app.pid))
  run('ip', 'address', 'add', `${GATEWAY}/24`, 'dev', 'app0')
  run('ip', 'link', 'set', 'app0', 'up')
  run(...inside, 'link', 'set', 'lo', 'up')
  run(...inside, 'address', 'add', `${address}/24`, 'dev', 'eth0')
  run(...inside, 'link', 'set', 'eth0', 'up')
  answer({ answer: 'network', up: true })
}

async function startConnector({ edge, wire, state }: SiteOrder & { order: 'connector' }) {
  // A firewall of this machine may drop what comes from a new interface; the wire does not pass it.
  const wired = !(await takesConnections(edge, PROBE_MS))
  if (wired) {
    if (edge.host !== '127.0.0.1') {
      // Not deleted: the address of the edge is on its other end.
      run('ip', 'address', 'flush', 'dev', 'edge0')
      run('ip', 'address', 'add', `${edge.host}/32`, 'dev', 'lo')
    }
    owned.use(await openWire({ host: edge.host, port: edge.port }, { path: wire }))
  }
  const as = unprivileged(ROOT, state, true)
  giveFolderTo(path.join(state, 'connector'), as.uid)
  start('connector', connectorCommand(as, edge), path.join(state, 'connector.log'))
  answer({ answer: 'connector', user: as.user, wired })
}

function start(name: string, command: string[], log: string): DemoPart {
  const part = owned.use(new DemoPart({ name, command, log, cwd: '/' }))
  void part.ended.then((how) => answer({ answer: 'ended', part: name, how: String(how) }))
  return part
}

process.on('message', (order: SiteOrder) => {
  const done = order.order === 'network' ? buildNetwork(order) : startConnector(order)
  done.catch((error: Error) => answer({ answer: 'failed', what: error.message }))
})
let ending = false
function end(): void {
  if (ending) return // told twice: by the pipe and by the channel
  ending = true
  void owned.disposeAsync().finally(() => process.exit(0))
}
process.stdin.once('end', end).once('error', end).resume()
process.once('disconnect', end)
answer({ answer: 'ready' })
