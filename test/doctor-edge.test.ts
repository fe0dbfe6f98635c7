/** The doctor on the machine of a remote edge sees both its own port and the way to its home. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { Installation, PROGRAM } from './installation.ts'
import { finish } from './program.ts'

test('doctor edge: healthy while its home is there, and the way home when it is not', async (t) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-'))
  t.after(() => rmSync(dir, { recursive: true }))
  await using all = await Installation.start({ dir, reach: { domains: ['app.test'], tcp: ['80'] } })
  const { address } = await all.startEdge('near')
  const at = path.join(dir, 'near')
  const where = ['--state', at, '--config', `${at}.conf`, '--edge', `${address.host}:${address.port}`]
  const doctor = () => finish([PROGRAM, 'doctor', 'edge', ...where])
  const healthy = await doctor()
  assert.equal(healthy.code, 0, healthy.stdout)
  assert.match(healthy.stdout, /✓ TCP to the edge .*127\.0\.0\.1:\d+ connected/)
  await all.stop(all.server)
  const cut = await doctor()
  assert.equal(cut.code, 1, cut.stdout)
  assert.match(cut.stdout, /^edge EGRESS_REJECTED: /)
  assert.ok(cut.stdout.includes(`127.0.0.1:${all.edge.port} ECONNREFUSED`), cut.stdout)
})
