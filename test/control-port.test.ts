/** A second port of the edge, for control connections only: used where it can be, missed by nobody where it cannot. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort } from '../bench/ports.ts'
import { readStatus } from '../src/base/status-socket.ts'
import { Installation, PROGRAM } from './installation.ts'
import { finish } from './program.ts'

const REACH = { domains: ['app.test'], tcp: ['80'] }

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

interface Note {
  readonly code: string
  readonly detail: string
}

async function notesOf(stateDir: string): Promise<Note[]> {
  const status = await readStatus(path.join(stateDir, 'status.sock'), 2000)
  return (status as { notes: Note[] }).notes
}

test('told of a second port, a connector takes it from its next connection on', async (t) => {
  const dir = folder(t)
  const controlPort = await freePort()
  await using all = await Installation.start({ dir, reach: REACH, controlPort })
  const name = await all.addConnector()
  const first = all.startConnector(name)
  await all.passed(first, 6)
  assert.equal(all.logged(first, 'control.up')[0]?.msg, `CONNECTED to 127.0.0.1:${all.edge.port}`)
  await all.stop(first)
  const second = all.startConnector(name)
  await all.passed(second, 6)
  assert.equal(all.logged(second, 'control.up').at(-1)?.msg, `CONNECTED to 127.0.0.1:${controlPort}`)
  assert.deepEqual(await notesOf(path.join(dir, name)), [])
  // No time service on this machine is no fault of it.
  const { code, stdout } = await finish([PROGRAM, 'doctor', 'server', '--state', path.join(dir, 'server')])
  assert.equal(code, 0, stdout)
})

test('a second port that refuses is a note with its evidence, and the doctor says the same', async (t) => {
  const dir = folder(t)
  await using all = await Installation.start({ dir, reach: REACH })
  const name = await all.addConnector()
  const closed = await freePort()
  const child = all.startConnector(name, { controlPort: closed })
  await all.passed(child, 6)
  assert.equal(all.logged(child, 'control.up')[0]?.msg, `CONNECTED to 127.0.0.1:${all.edge.port}`)
  const [note] = await notesOf(path.join(dir, name))
  assert.equal(note?.code, 'CONTROL_PORT_BLOCKED')
  assert.equal(
    note?.detail,
    `127.0.0.1:${closed} was refused (EGRESS_REJECTED); 127.0.0.1:${all.edge.port} works and is in use`,
  )
  const where = ['--config', path.join(dir, `${name}.yaml`), '--state', path.join(dir, name)]
  const { code, stdout } = await finish([PROGRAM, '--json', 'doctor', 'connector', ...where])
  assert.equal(code, 1)
  const [finding] = JSON.parse(stdout).findings
  assert.equal(finding.code, 'CONTROL_PORT_BLOCKED')
  assert.ok(finding.seen.some((line: string) => line.includes(`127.0.0.1:${closed} was refused`)))
})

test('a second port behind which no edge answers holds nothing up', async (t) => {
  const dir = folder(t)
  await using all = await Installation.start({ dir, reach: REACH })
  // What a machine in the middle looks like that takes every connection and lets nothing through.
  const taken = new Set<net.Socket>()
  const mute = net.createServer((socket) => taken.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  const { port } = mute.address() as net.AddressInfo
  try {
    const name = await all.addConnector()
    const child = all.startConnector(name, { controlPort: port })
    await all.passed(child, 6)
    await all.until(
      child,
      () => all.logged(child, 'control.port-blocked').length > 0,
      'say that it is blocked',
    )
    const [said] = all.logged(child, 'control.port-blocked')
    assert.match(
      String(said?.msg),
      /connects, but the TLS handshake stalls \(HANDSHAKE_TIMEOUT\); .* works and is in use/,
    )
  } finally {
    for (const socket of taken) socket.destroy()
    mute.close()
  }
})

test('the second port serves control connections and nothing else', async (t) => {
  const dir = folder(t)
  const controlPort = await freePort()
  await using all = await Installation.start({ dir, reach: REACH, controlPort })
  await assert.rejects(fetch(`https://127.0.0.1:${controlPort}/api/v1/health`))
  await all.until(all.server, () => all.logged(all.server, 'edge.refused').length > 0, 'refuse it')
  const [refused] = all.logged(all.server, 'edge.refused')
  assert.match(String(refused?.msg), /this port is for control connections, not for https/)
})
