/** The doctor on the machine of a remote edge sees both its own port and the way to its home. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { isBusyHost } from './busy-host.ts'
import { Installation, PROGRAM } from './installation.ts'
import { finish } from './program.ts'

test('doctor edge: healthy while its home is there, and the way home when it is not', async (t) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-'))
  t.after(() => rmSync(dir, { recursive: true }))
  await using all = await Installation.start({ dir, reach: { domains: ['app.test'], tcp: ['80'] } })
  const { address, child } = await all.startEdge('near')
  const at = path.join(dir, 'near')
  const where = ['--state', at, '--config', `${at}.conf`, '--edge', `${address.host}:${address.port}`]
  const doctor = () => finish([PROGRAM, 'doctor', 'edge', ...where])
  const healthy = await doctor()
  assert.ok(healthy.code === 0 || isBusyHost(healthy.stdout), healthy.stdout)
  assert.match(healthy.stdout, /✓ TCP to the edge .*127\.0\.0\.1:\d+ connected/)
  await all.stop(all.server)
  const cut = await doctor()
  assert.equal(cut.code, 1, cut.stdout)
  assert.match(cut.stdout, /^edge EGRESS_REJECTED: /)
  assert.ok(cut.stdout.includes(`127.0.0.1:${all.edge.port} ECONNREFUSED`), cut.stdout)
  await all.until(child, () => all.logged(child, 'doctor.verdict').length > 0, 'say what is wrong by itself')
  const [verdict] = all.logged(child, 'doctor.verdict')
  assert.deepEqual([verdict!.hop, verdict!.code], ['edge', 'EGRESS_REJECTED'])
})

test('an edge that cannot enrol says why by itself, and goes on once that is mended', async (t) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-'))
  t.after(() => rmSync(dir, { recursive: true }))
  await using all = await Installation.start({ dir, reach: { domains: ['app.test'], tcp: ['80'] } })
  const { address, keyFile } = await all.addEdge('near')
  const key = readFileSync(keyFile, 'utf8')
  writeFileSync(keyFile, `\u201c${key.trim()}\u201d\n`)
  const child = all.runEdge('near', address)
  await all.until(child, () => all.logged(child, 'doctor.verdict').length > 0, 'say what is wrong by itself')
  const [verdict] = all.logged(child, 'doctor.verdict')
  assert.deepEqual([verdict!.hop, verdict!.code], ['edge', 'KEY_MALFORMED'])
  assert.match(JSON.stringify(verdict!.seen), /U\+201C/)
  const status = await finish([PROGRAM, 'status', '--state', path.join(dir, 'near')])
  assert.match(status.stdout, /edge {3}enrolling.*\nfault {2}KEY_MALFORMED \(edge\)/)
  writeFileSync(keyFile, key)
  await all.until(child, () => all.logged(child, 'doctor.recovered').length > 0, 'enrol with the right key')
  const described = await all.command('describe', 'edge', 'near')
  assert.match(described, /outages\n.*KEY_MALFORMED/)
})
