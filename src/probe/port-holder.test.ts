import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { unixSocketHolder } from './port-holder.ts'

test('who listens on a Unix socket is found without asking it, and nobody where nobody does', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bs-holder-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'status.sock')
  assert.equal(unixSocketHolder(file), undefined)
  const silent = net.createServer(() => {}).listen(file)
  await once(silent, 'listening')
  assert.equal(unixSocketHolder(file), process.pid)
  silent.close()
  await once(silent, 'close')
  assert.equal(unixSocketHolder(file), undefined)
})
