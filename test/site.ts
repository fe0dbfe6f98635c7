/**
 * A control plane and an edge in this process, on free ports and a folder that goes away: what tests of agents
 * enrol at and connect to. Nothing of it is pretended.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Clock } from '../src/base/clock.ts'
import { type Log, silentLog } from '../src/base/log.ts'
import { EmbeddedServer } from '../src/cli/embedded-server.ts'
import type { Control } from '../src/control/control.ts'
import type { Edge } from '../src/edge/edge.ts'
import type { EdgeLimits } from '../src/edge/limits.ts'
import { formatProvisioningKey, hashKeySecret } from '../src/pki/provisioning-key.ts'

export interface Site extends AsyncDisposable {
  readonly control: Control
  readonly edge: Edge
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
}: {
  log?: Log
  limits?: Partial<EdgeLimits>
  /** What the control plane takes for the time. */
  clock?: Clock
} = {}): Promise<Site> {
  await using stack = new AsyncDisposableStack()
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-site-'))
  // A daemon that outlives the site by a moment writes down its outage meanwhile.
  stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  const host = '127.0.0.1'
  const server = stack.use(
    await EmbeddedServer.open({
      stateDir: path.join(dir, 'server'),
      listen: { host, port: 0 },
      publicHost: host,
      limits,
      log,
      clock,
    }),
  )
  const { control, edge } = server
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
    return formatProvisioningKey({ edgeHost: host, edgePort: edge.port, secret, pin: control.pin })
  }
  const owned = stack.move()
  return {
    control,
    edge,
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
