/**
 * Certificates are renewed while processes of the connector, the client and the edge carry sessions: those go on, new
 * tunnels prove the new ones, and nobody is refused.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { ControlLink } from '../src/agent/link/control-link.ts'
import { programFile } from '../src/base/program-files.ts'
import { readStatus } from '../src/base/status-socket.ts'
import { parseForward } from '../src/client/address/forward-spec.ts'
import type { ClientStatus } from '../src/client/status.ts'
import { openClientSite, until } from './client-site.ts'
import { serveEcho, serveSource } from './client-traffic.ts'

interface Held {
  readonly certificate: string
  readonly csrPem: string
  readonly notAfterMs: number
}

/** Three quarters of the life of a certificate are over. @param inner What is in the file, and how it is written there. */
function age(
  file: string,
  inner: (document: Record<string, string>) => [Held, (aged: Held) => object],
): Held {
  const [held, outer] = inner(JSON.parse(readFileSync(file, 'utf8')))
  const aged = { ...held, receivedMs: held.notAfterMs - (held.notAfterMs - Date.now()) * 4 }
  writeFileSync(file, JSON.stringify(outer(aged)))
  return held
}

/** The renewal of each waits until it is let through. */
function holdRenewals(t: TestContext, all: readonly Held[]): (held: Held) => void {
  const gates = new Map(all.map(({ csrPem }) => [csrPem, Promise.withResolvers<void>()]))
  const { request } = ControlLink.prototype
  t.mock.method(
    ControlLink.prototype,
    'request',
    async function (this: ControlLink, ...asked: Parameters<typeof request>) {
      const [message] = asked
      if (message.type === 'renew') await gates.get(message.csr)?.promise
      return request.apply(this, asked)
    },
  )
  return ({ csrPem }) => gates.get(csrPem)!.resolve()
}

/** One thing after the other, until it is so. */
async function meanwhile(
  work: () => Promise<void>,
  reached: () => boolean | Promise<boolean>,
): Promise<void> {
  while (!(await reached())) await work()
}

test('sessions go on through the renewal of both ends, and no tunnel has an old certificate afterwards', async (t) => {
  await using parts = new AsyncDisposableStack()
  const site = parts.use(await openClientSite({ edgeWorkers: 2 }))
  const echo = parts.use(await serveEcho())
  const source = parts.use(await serveSource())
  // Without factors of the machine the identity is a plain file.
  const asked = {
    ...{ workers: 2, machineRoot: path.join(site.site.dir, 'no-machine') },
    workerEntry: programFile('src/cli/workers/connector-worker-main'),
  }
  await (await site.connector('connector', asked)).stop()
  await site.signIn()
  const ofConnector = age(path.join(site.site.dir, 'connector', 'identity.json'), (envelope) => [
    JSON.parse(envelope.plain!),
    (aged) => ({ ...envelope, plain: JSON.stringify(aged) }),
  ])
  const ofClient = age(path.join(site.clientDir, 'profile.json'), (profile) => [
    profile as never,
    (aged) => aged,
  ])
  const renew = holdRenewals(t, [ofConnector, ofClient])
  const { connector } = await site.connector('connector', asked)
  const forwards = [echo, source].map(({ port }) => parseForward(`127.0.0.1:0 localhost:${port}`))
  const { client } = await site.client({
    ...{ forwards, workers: 2, workerEntry: programFile('src/cli/workers/client-worker-main') },
  })
  const status = async () => (await readStatus(path.join(site.clientDir, 'status.sock'))) as ClientStatus
  const open = (at: number) => {
    const port = Number(client.status().forwards[at]!.local.split(':').at(-1))
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true }).on('error', () => {})
    parts.defer(() => void socket.destroy())
    return socket
  }
  const roundTrip = async (socket: net.Socket) => {
    const back = once(socket, 'data')
    socket.write('typed')
    assert.equal(String((await back)[0]), 'typed')
  }
  /** Sessions that the other process of the client carries. */
  const elsewhere = async () => {
    const streams = ({ tunnels }: ClientStatus) => tunnels.reduce((sum, tunnel) => sum + tunnel.streams, 0)
    return streams(await status()) - streams(client.status())
  }
  const bulkElsewhere = async (typed: net.Socket) => {
    const before = await elsewhere()
    for (;;) {
      const bulk = open(1)
      await once(bulk, 'data')
      await roundTrip(typed)
      if ((await elsewhere()) > before) return bulk.resume()
      bulk.destroy()
    }
  }
  const newSession = async () => {
    const socket = open(0)
    await roundTrip(socket)
    socket.destroy()
  }

  const typed = open(0)
  await meanwhile(
    () => roundTrip(typed),
    () => client.status().workers.length === 1,
  )
  const bulk = await bulkElsewhere(typed)
  assert.deepEqual(
    [connector.status().certificate?.generation, client.status().certificate?.generation],
    [1, 1],
  )
  renew(ofConnector)
  await meanwhile(newSession, () => connector.status().certificate?.generation === 2)
  await until(() => connector.status().state === 'healthy')
  renew(ofClient)
  await meanwhile(newSession, () => client.status().certificate?.generation === 2)
  await meanwhile(newSession, async () => (await status()).tunnels.some(({ retired }) => retired))
  await meanwhile(newSession, async () => (await status()).tunnels.some(({ retired }) => !retired))
  await roundTrip(typed)
  await once(bulk, 'data')
  const next = [open(0), await bulkElsewhere(typed)]
  await roundTrip(next[0]!)
  typed.destroy()
  bulk.destroy()
  await until(async () => (await status()).tunnels.every(({ retired }) => !retired))
  const { edge } = site.site
  await until(async () => edge.stats().pipes === (await status()).tunnels.length)
  const old = [ofConnector, ofClient].map(({ certificate }) => new X509Certificate(certificate).serialNumber)
  const cut = await edge.shutOutOfWorkers({ type: 'edge-state', whole: false, revoked: old, ended: [] })
  assert.equal(cut, 0, 'no pipe has a half with an old certificate')
  await roundTrip(next[0]!)
  await once(next[1]!, 'data')
  assert.deepEqual([client.status().sessions.failed, edge.stats().refused], [0, {}])
  // The next processes prove the new ones as well.
  const pids = [...connector.status().workers.map(({ pid }) => pid!), ...client.status().workers]
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await until(() => connector.status().workers.every(({ restarts }) => restarts === 1))
  await until(async () => {
    const socket = open(0)
    const answered = new Promise<boolean>((resolve) => {
      socket.once('data', () => resolve(true)).once('close', () => resolve(false))
    })
    socket.write('typed')
    const isServed = await answered
    socket.destroy()
    return isServed
  })
  assert.equal(edge.stats().refused.IDENTITY_REVOKED, undefined)
})
