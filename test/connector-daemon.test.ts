import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { chown, cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { systemClock } from '../src/base/clock.ts'
import type { Fault } from '../src/base/faults.ts'
import { withoutPaint } from '../src/base/paint.ts'
import { readStatus } from '../src/base/status-socket.ts'
import { connectorStatusText } from '../src/cli/connector-status.ts'
import { Connector } from '../src/connector/connector.ts'
import { type ConnectorConfig, connectorOptions } from '../src/connector/options.ts'
import type { ConnectorStatus } from '../src/connector/status.ts'
import { ConnectorProcess, type LogLine } from './connector-process.ts'
import { openPorts } from './open-ports.ts'
import { openSite } from './site.ts'

const NOBODY = 65_534
/** What does not come within this does not come. */
const NEXT_MS = 20_000

/** A connector in this process, stopped when the test ends. */
function connectorIn(t: TestContext, config: Partial<ConnectorConfig>, machineRoot?: string) {
  const waiting: { event: string; resolve: (line: LogLine) => void }[] = []
  const lines: LogLine[] = []
  const log = pino(
    {},
    {
      write(text: string) {
        const line = JSON.parse(text) as LogLine
        lines.push(line)
        for (const one of waiting.filter(({ event }) => event === line.event)) {
          waiting.splice(waiting.indexOf(one), 1)
          one.resolve(line)
        }
      },
    },
  )
  const stop = new AbortController()
  const connector = new Connector({
    ...connectorOptions({ drainSeconds: 0, ...config }, log),
    env: {},
    machineRoot,
  })
  const served = connector.serve(stop.signal)
  served.catch(() => {}) // whoever expects a fault awaits it
  const end = async () => {
    stop.abort()
    await served.catch(() => {})
  }
  t.after(end)
  return {
    connector,
    served,
    lines,
    stop: end,
    /** The next line of this event. @throws {Error} with what was said in its place. */
    next: (event: string) =>
      new Promise<LogLine>((resolve, reject) => {
        const said = () => reject(new Error(`no ${event}: ${lines.map((line) => line.event).join(', ')}`))
        const timer = setTimeout(said, NEXT_MS)
        const found = (line: LogLine) => {
          clearTimeout(timer)
          resolve(line)
        }
        waiting.push({ event, resolve: found })
      }),
  }
}

test('a running connector listens on its status socket and on nothing else, as an unprivileged user', async (t) => {
  await using site = await openSite()
  const keyFile = await site.keyFile()
  const stateDir = path.join(site.dir, 'state', 'connector')
  const uid = process.getuid?.() === 0 ? NOBODY : undefined
  await mkdir(stateDir, { recursive: true })
  if (uid !== undefined) {
    await Promise.all(
      [site.dir, path.dirname(stateDir), stateDir, keyFile].map((one) => chown(one, uid, uid)),
    )
  }
  await using connector = new ConnectorProcess({ stateDir, keyFile, uid })
  await connector.event('connector.healthy')
  const ports = await openPorts(connector.pid)
  assert.deepEqual(ports.tcp, [])
  assert.deepEqual(ports.udp, [])
  assert.deepEqual(ports.unix, [path.join(stateDir, 'status.sock')])
  assert.ok(ports.connected >= 1, 'the control connection is seen: the look was at the right process')
  if (uid !== undefined) {
    assert.match(
      await readFile(`/proc/${connector.pid}/status`, 'utf8'),
      new RegExp(`^Uid:\\t${uid}\\t${uid}`, 'm'),
    )
  }

  // The same look does find ports where there are some.
  const tcp = net.createServer().listen(0, '127.0.0.1')
  const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  t.after(() => {
    tcp.close()
    udp.close()
  })
  await Promise.all([once(tcp, 'listening'), once(udp, 'listening')])
  const own = await openPorts(process.pid)
  assert.ok(own.tcp.length >= 2 && own.udp.length === 1)
})

test('the log tells a bring-up in the words of the field, the six stages with their times', async () => {
  await using site = await openSite()
  const stateDir = path.join(site.dir, 'connector')
  await using connector = new ConnectorProcess({ stateDir, keyFile: await site.keyFile() })
  const healthy = await connector.event('connector.healthy')
  assert.ok(Number(healthy.startToHealthyMs) > 0)
  const text = connector.lines.map((line) => line.msg).join('\n')
  const id = (await site.control.store.connectors.all())[0]!.id
  assert.match(text, new RegExp(`Successfully enrolled\\. Connector ID ${id}, version \\d`))
  assert.match(text, new RegExp(`Control connection state: CONNECTED to 127\\.0\\.0\\.1:${site.edge.port}`))
  assert.match(text, /Certificate valid until \d{4}-\d\d-\d\dT/)
  const stages = connector.lines.filter((line) => line.event === 'bring-up.passed')
  for (const stage of [1, 2, 3, 4, 5, 6]) {
    const line = stages.find((one) => one.stage === stage)
    assert.ok(line !== undefined && typeof line.durationMs === 'number', `stage ${stage}`)
  }
  const status = (await readStatus(path.join(stateDir, 'status.sock'))) as ConnectorStatus
  assert.equal(status.state, 'healthy')
  assert.equal(status.id, id)
  assert.deepEqual(
    status.stages.map((stage) => stage.state),
    Array(6).fill('passed'),
  )
  assert.ok(Math.abs(status.clockSkewMs ?? Number.NaN) < 1000)
})

test('a bad key is named, and the right one in its place enrols without a restart', async (t) => {
  await using site = await openSite()
  const keyFile = path.join(site.dir, 'provision_key')
  const good = await site.key()
  await writeFile(keyFile, `\u201c${good}\u201d\n`)
  const { next, connector } = connectorIn(t, { keyFile, stateDir: path.join(site.dir, 'connector') })
  const failed = await next('bring-up.failed')
  assert.equal(failed.stage, 4)
  assert.equal(failed.code, 'KEY_MALFORMED')
  assert.match(failed.msg, /U\+201C/)
  assert.equal(connector.status().state, 'enrolling')
  assert.equal(connector.status().fault?.code, 'KEY_MALFORMED')
  const healthy = next('connector.healthy')
  await writeFile(`${keyFile}.new`, `${good}\r\n`)
  await rename(`${keyFile}.new`, keyFile)
  await healthy
  assert.equal(connector.status().fault, undefined)
})

test('a perfect clone is refused with both addresses, and the original stays up', async (t) => {
  await using site = await openSite()
  const stateDir = path.join(site.dir, 'original')
  const original = connectorIn(t, { keyFile: await site.keyFile(), stateDir })
  await original.next('connector.healthy')
  const copy = path.join(site.dir, 'copy')
  await mkdir(copy, { mode: 0o700 })
  await cp(path.join(stateDir, 'identity.json'), path.join(copy, 'identity.json'))
  const clone = connectorIn(t, { keyFile: '/nowhere', stateDir: copy })
  await assert.rejects(clone.served, (fault: Fault) => {
    assert.equal(fault.code, 'IDENTITY_CLONED')
    assert.equal(fault.seen.presentedFrom, '127.0.0.1')
    assert.equal(fault.seen.heldFrom, '127.0.0.1')
    return true
  })
  assert.equal(original.connector.status().state, 'healthy')
})

test('an identity on another machine does not unseal: the fault names the factors, and nothing is dialled', async (t) => {
  await using site = await openSite()
  const home = await machineRoot(site.dir, 'home', { id: 'a', mac: '01', uuid: '1' })
  const stateDir = path.join(site.dir, 'connector')
  const first = connectorIn(t, { keyFile: await site.keyFile(), stateDir }, home)
  await first.next('connector.healthy')
  assert.equal(first.connector.status().identity?.sealed, true)
  await first.stop()
  const away = await machineRoot(site.dir, 'away', { id: 'b', mac: '02', uuid: '1' })
  const clone = connectorIn(t, { keyFile: '/nowhere', stateDir }, away)
  await assert.rejects(clone.served, (fault: Fault) => {
    assert.equal(fault.code, 'SEAL_BROKEN')
    assert.match(fault.detail, /machineId [0-9a-f]{8}→[0-9a-f]{8}, mac [0-9a-f]{8}→[0-9a-f]{8}/)
    return true
  })
  assert.ok(!clone.lines.some((line) => line.event === 'control.connected'))
  const back = connectorIn(t, { keyFile: '/nowhere', stateDir }, home)
  await back.next('connector.healthy')
})

test('the certificate is renewed at two thirds of its life, stored, and used from then on', async (t) => {
  await using site = await openSite()
  const stateDir = path.join(site.dir, 'connector')
  const nowhere = path.join(site.dir, 'no-machine') // no factors: the identity is a plain file that this test can age
  const config = { keyFile: await site.keyFile(), stateDir }
  const first = connectorIn(t, config, nowhere)
  await first.next('connector.healthy')
  assert.match(
    first.connector.status().identity?.note ?? '',
    /not sealed, file mode 0600 only: 0 of 3 factors/,
  )
  await first.stop()
  const file = path.join(stateDir, 'identity.json')
  const envelope = JSON.parse(await readFile(file, 'utf8'))
  const identity = JSON.parse(envelope.plain)
  const aged = { ...identity, receivedMs: identity.notAfterMs - (identity.notAfterMs - Date.now()) * 4 }
  await writeFile(file, JSON.stringify({ ...envelope, plain: JSON.stringify(aged) }))

  const second = connectorIn(t, config, nowhere)
  const [renewed] = await Promise.all([second.next('certificate.renewed'), second.next('connector.healthy')])
  assert.equal(renewed.generation, 2)
  assert.equal(second.connector.status().certificate?.generation, 2)
  const stored = JSON.parse(JSON.parse(await readFile(file, 'utf8')).plain)
  assert.equal(stored.generation, 2)
  assert.equal(stored.id, identity.id)
  assert.notEqual(stored.certificate, identity.certificate)
})

test('a certificate that has ended is named, and a new key brings the same connector back without a restart', async (t) => {
  let behindMs = 8 * 86_400_000
  const clock = { ...systemClock, nowMs: () => Date.now() - behindMs }
  await using site = await openSite({ clock })
  const stateDir = path.join(site.dir, 'connector')
  const keyFile = await site.keyFile()
  const { next, connector } = connectorIn(t, { keyFile, stateDir })
  await next('connector.enrolled')
  const ended = await next('bring-up.failed')
  assert.equal(ended.code, 'CERT_EXPIRED')
  assert.equal(connector.status().fault?.code, 'CERT_EXPIRED')
  const { id } = connector.status()
  behindMs = 0
  const healthy = next('connector.healthy')
  await rename(await site.keyFile(), keyFile)
  await healthy
  assert.equal(connector.status().id, id)
  assert.equal((await site.control.store.connectors.all()).length, 1)
})

test('a connector that was deleted comes back as another with a key of later; one that lay there before does not', async (t) => {
  await using site = await openSite()
  const { store } = site.control
  const keyFile = await site.keyFile()
  const { next, connector } = connectorIn(t, { keyFile, stateDir: path.join(site.dir, 'connector') })
  await next('connector.healthy')
  const { id } = connector.status()
  await rename(await site.keyFile(), keyFile)
  const refused = next('control.disconnected')
  await store.transaction(async (tx) => {
    await tx.connectors.delete(id!)
    const detail = { name: 'it' }
    await tx.audit.append({
      actor: 'token ada',
      action: 'connector.delete',
      object: `connector ${id}`,
      detail,
    })
  })
  assert.equal((await refused).code, 'IDENTITY_REVOKED')
  assert.deepEqual(await store.connectors.all(), [])
  const healthy = next('connector.healthy')
  await rename(await site.keyFile(), keyFile)
  await healthy
  assert.deepEqual(
    (await store.connectors.all()).map((one) => one.id),
    [connector.status().id],
  )
  assert.notEqual(connector.status().id, id)
})

test('a clock that is minutes off is said, with its direction, long before it breaks anything', async (t) => {
  const clock = { ...systemClock, nowMs: () => Date.now() - 300_000 }
  await using site = await openSite({ clock })
  const { next, connector, lines } = connectorIn(t, {
    keyFile: await site.keyFile(),
    stateDir: path.join(site.dir, 'connector'),
  })
  await next('clock.skew')
  const skewMs = connector.status().clockSkewMs ?? 0
  assert.ok(Math.abs(skewMs + 300_000) < 1000, `${skewMs} ms`)
  const line = lines.find((one) => one.event === 'clock.skew')
  assert.match(line?.msg ?? '', /^Clock of this machine is 300 s fast/)
  assert.match(
    withoutPaint(connectorStatusText(connector.status())),
    /^clock +CLOCK_SKEW: 300 s fast against the server$/m,
  )
})

test('an edge that goes away and comes back is met again without a restart, and the status says what is', async (t) => {
  await using site = await openSite()
  const { next, connector } = connectorIn(t, {
    keyFile: await site.keyFile(),
    stateDir: path.join(site.dir, 'connector'),
  })
  await next('connector.healthy')
  const { port } = site.edge
  const lost = next('control.disconnected')
  await site.stopEdge()
  await lost
  assert.equal(connector.status().state, 'disconnected')
  const refused = connector.status()
  // The third, TCP and TLS to an edge, is what it was until the next attempt has failed.
  assert.deepEqual(
    refused.stages.map((stage, index) => index === 2 || stage.state === 'passed'),
    [true, true, true, true, false, false],
  )
  const canary = next('connector.healthy')
  await site.startEdge()
  assert.equal(site.edge.port, port)
  await canary
  assert.equal(connector.status().state, 'healthy')
})

test('a second daemon on one state directory is refused and named', async (t) => {
  await using site = await openSite()
  const config = { keyFile: await site.keyFile(), stateDir: path.join(site.dir, 'connector') }
  const first = connectorIn(t, config)
  await first.next('connector.healthy')
  const second = connectorIn(t, config)
  await assert.rejects(second.served, (fault: Fault) => {
    assert.equal(fault.code, 'STATE_IN_USE')
    assert.equal(fault.seen.pid, process.pid)
    return true
  })
  assert.equal(first.connector.status().state, 'healthy')
  await first.stop() // before its folder goes
})

/** A machine as far as its factors go. */
async function machineRoot(dir: string, name: string, o: { id: string; mac: string; uuid: string }) {
  const root = path.join(dir, name)
  const files = {
    'etc/machine-id': o.id.repeat(32),
    'proc/net/route': `Iface Destination Gateway Flags RefCnt Use Metric Mask\neth0 00000000 0100000A 0003 0 0 0 00000000\n`,
    'sys/class/net/eth0/address': `52:54:00:00:00:${o.mac}`,
    'sys/class/dmi/id/product_uuid': `4c4c4544-0042-3510-8052-b4c04f4e333${o.uuid}`,
  }
  for (const [file, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true })
    await writeFile(path.join(root, file), content)
  }
  return root
}
