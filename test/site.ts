/**
 * A control plane and an edge in this process, on free ports and a folder that goes away: what tests of agents
 * enrol at and connect to. The two meet over their real Unix socket; nothing of it is pretended.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Clock } from '../src/base/clock.ts'
import { type Log, silentLog } from '../src/base/log.ts'
import { ControlPart } from '../src/cli/server/control-part.ts'
import { edgeBeside } from '../src/cli/server/edge-beside.ts'
import { EDGE_WORKER } from '../src/cli/workers/entries.ts'
import type { Control } from '../src/control/control.ts'
import type { Front } from '../src/control/front/front.ts'
import type { Edge } from '../src/edge/edge.ts'
import { EdgeDaemon } from '../src/edge/edge-daemon.ts'
import type { EdgeLimits } from '../src/link/accept/edge-limits.ts'
import { formatProvisioningKey, hashKeySecret } from '../src/pki/provisioning-key.ts'
import type { Peer } from '../src/pki/verify.ts'

export interface Site extends AsyncDisposable {
  readonly control: Control
  readonly front: Front
  readonly edge: Edge
  /** Closes the pipes and control connections of matching peers. @returns how many. */
  cut(matches: (peer: Peer) => boolean): number
  /** Ends the edge, as the end of its process does. */
  stopEdge(): Promise<void>
  /** Starts another in its place, on the port that it had. */
  startEdge(): Promise<void>
  /** For files of the test; gone when the site is. */
  readonly dir: string
  readonly group: string
  /** Makes a provisioning key. @returns Its text, as a person would copy it. */
  key(o?: { maxUses?: number; expiresMs?: number }): Promise<string>
  /** As `key`, in a file of its own. @returns Its path. */
  keyFile(o?: { maxUses?: number; expiresMs?: number }): Promise<string>
}

export async function openSite({
  log = silentLog,
  limits,
  clock,
  edgeWorkers,
}: {
  log?: Log
  limits?: Partial<EdgeLimits>
  /** What the control plane takes for the time. */
  clock?: Clock
  /** Processes of the edge that carry pipes; none: it does itself. */
  edgeWorkers?: number
} = {}): Promise<Site> {
  await using stack = new AsyncDisposableStack()
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-site-'))
  // A daemon that outlives the site by a moment writes down its outage meanwhile.
  stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  const host = '127.0.0.1'
  const stateDir = path.join(dir, 'server')
  const options = { stateDir, publicHost: host, drainSeconds: 0, limits, log, clock }
  const part = stack.use(await ControlPart.open({ ...options, listen: { host, port: 0 } }))
  const { control, front } = part
  let port = 0
  let running: { edge: Edge; stop: () => Promise<void> } | undefined
  const startEdge = async () => {
    const stopping = new AbortController()
    const daemon = new EdgeDaemon({
      ...edgeBeside({ ...options, listen: { host, port } }),
      ...{ limits, log },
      workers: edgeWorkers === undefined ? undefined : { setting: edgeWorkers, entry: EDGE_WORKER },
    })
    const served = daemon.serve(stopping.signal)
    port = await daemon.listening
    await control.edgeListens(port)
    running = {
      edge: daemon.edge!,
      async stop() {
        stopping.abort()
        await served
      },
    }
  }
  const stopEdge = async () => {
    await running?.stop()
  }
  await startEdge()
  stack.defer(stopEdge)
  const group = await control.store.objects.put({
    kind: 'connector-group',
    name: 'test-group',
    spec: { description: '', enabled: true, location: '', region: '', connectorKind: 'app' },
  })

  let made = 0
  const key: Site['key'] = async ({ maxUses = 1, expiresMs = Date.now() + 3_600_000 } = {}) => {
    const secret = randomBytes(32).toString('base64url')
    await control.store.keys.create({
      name: `key-${++made}`,
      groupId: group.id,
      secretHash: hashKeySecret(secret),
      maxUses,
      expiresMs,
    })
    return formatProvisioningKey({ edgeHost: host, edgePort: port, secret, pin: control.pin })
  }
  const owned = stack.move()
  return {
    control,
    front,
    get edge() {
      return running!.edge
    },
    cut: (matches) => running!.edge.revoke(matches) + front.cut(matches),
    ...{ stopEdge, startEdge },
    dir,
    group: group.id,
    key,
    async keyFile(o) {
      const file = path.join(dir, `provision_key-${made + 1}`)
      await writeFile(file, `${await key(o)}\n`, { mode: 0o600 })
      return file
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
