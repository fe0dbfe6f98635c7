/** A further edge, a process of its own, that may open no more files: who looks at the server is told, and told when it is over. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { readStatus } from '../../src/base/status-socket.ts'
import { Installation } from '../installation.ts'

test('an edge out of descriptors is degraded, with the reason, until it has some again', async (t) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-'))
  t.after(() => rmSync(dir, { recursive: true }))
  await using all = await Installation.start({ dir, reach: { domains: ['app.test'], tcp: ['80'] } })
  await all.startEdge('near')
  const { pid } = (await readStatus(path.join(dir, 'near/status.sock'))) as { pid: number }
  const shows = async (what: RegExp) => {
    const untilMs = performance.now() + 20_000
    for (;;) {
      const said = await all.command('get', 'edges')
      if (what.test(said)) return
      assert.ok(performance.now() < untilMs, said)
    }
  }
  await shows(/^near +serving +- /m)
  const open = readdirSync(`/proc/${pid}/fd`).length
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${open}:`])
  await shows(
    /^near +degraded +FD_EXHAUSTED: out of file descriptors \(EMFILE\): new connections are closed/m,
  )
  assert.match(await all.command('describe', 'edge', 'near'), /^edge FD_EXHAUSTED: out of file descriptors/)
  assert.match(await all.command('status'), /^note +degraded: edge near: FD_EXHAUSTED: /m)
  execFileSync('prlimit', ['--pid', String(pid), '--nofile=1024:'])
  await shows(/^near +serving +- /m)
})
