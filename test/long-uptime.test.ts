import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../src/base/clock.ts'
import { silentLog } from '../src/base/log.ts'
import { ControlPart } from '../src/cli/server/control-part.ts'

const DAY_MS = 86_400_000

test('a server that runs for 400 days shows a certificate that holds, without a restart', async (t) => {
  const stateDir = await mkdtemp(path.join(os.tmpdir(), 'bs-uptime-'))
  t.after(() => rm(stateDir, { recursive: true, force: true }))
  let aheadMs = 0
  await using part = await ControlPart.open({
    ...{ stateDir, publicHost: 'edge.example', listen: { host: '127.0.0.1', port: 443 } },
    ...{ log: silentLog, clock: { ...systemClock, nowMs: () => Date.now() + aheadMs } },
  })
  const before = part.front.publicPin.fingerprint
  const shown = Promise.withResolvers<void>()
  part.onShown = shown.resolve
  aheadMs = 380 * DAY_MS
  await shown.promise
  assert.notEqual(part.front.publicPin.fingerprint, before)
  const kept = new X509Certificate(await readFile(path.join(stateDir, 'public/public.crt')))
  assert.equal(kept.fingerprint256, part.front.publicPin.fingerprint)
  assert.ok(kept.validToDate.getTime() > Date.now() + 700 * DAY_MS)
})
