import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { readStatus } from '../src/base/status-socket.ts'
import type { ConnectorStatus } from '../src/connector/status.ts'
import { ConnectorProcess } from './connector-process.ts'
import { succeed } from './program.ts'
import { openSite } from './site.ts'

test('a connector that cannot get up says why by itself, once; remembers it over a crash; and says when it is over', async () => {
  await using site = await openSite()
  const stateDir = path.join(site.dir, 'connector')
  const keyFile = await site.keyFile()
  const proxyFile = path.join(site.dir, 'proxy')
  await writeFile(proxyFile, '127.0.0.1:1\n')
  await writeFile(`${stateDir}.yaml`, JSON.stringify({ proxyFile }))
  const outages = async () =>
    ((await readStatus(path.join(stateDir, 'status.sock'))) as ConnectorStatus).outages!

  let sinceMs: number
  {
    await using connector = new ConnectorProcess({ stateDir, keyFile })
    const verdict = await connector.event('doctor.verdict')
    assert.deepEqual([verdict.level, verdict.hop, verdict.code], ['error', 'edge', 'PROXY_UNREACHABLE'])
    assert.match(JSON.stringify(verdict.seen), /127\.0\.0\.1:1 ECONNREFUSED/)
    const { current, past } = await outages()
    assert.deepEqual(
      [current!.verdict!.run, current!.code, past.length],
      [verdict.run, 'PROXY_UNREACHABLE', 0],
    )
    assert.ok(current!.attempts >= 2)
    sinceMs = current!.sinceMs
    const shown = await succeed([path.resolve('bin/backstitch'), 'status', '--state', stateDir])
    assert.match(shown, /outage since .* attempts\n\s+edge PROXY_UNREACHABLE: .*\n\s+seen /)
  } // dies as by kill -9

  await using connector = new ConnectorProcess({ stateDir, keyFile })
  await connector.event('doctor.verdict')
  assert.equal((await outages()).current!.sinceMs, sinceMs)
  await writeFile(proxyFile, 'none\n')
  const over = await connector.event('doctor.recovered')
  assert.deepEqual([over.hop, over.because], ['edge', 'PROXY_UNREACHABLE'])
  const { current, past } = await outages()
  assert.deepEqual([current, past.length, past[0]!.sinceMs], [undefined, 1, sinceMs])
  assert.equal(connector.lines.filter(({ event }) => event === 'doctor.verdict').length, 1)
})
