import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Fault } from '../base/faults.ts'
import { silentLog } from '../base/log.ts'
import { StateDir } from '../base/state-dir.ts'
import { readEgress } from '../link/dial/egress.ts'
import { enrolEdgeUntilDone } from './edge-enrolment.ts'

// Both parts of a server were killed: the edge has read the key of the control plane before, and the next one lies there
// a moment later. Far from the control plane it takes a person, and ten seconds.
test('next to the control plane a key that does not do is soon looked at again', {
  timeout: 8000,
}, async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'edge-enrolment-'))
  t.after(() => rm(dir, { recursive: true }))
  const keyFile = path.join(dir, 'provision_key')
  await writeFile(keyFile, 'not a key')
  const over = new AbortController()
  const met: string[] = []
  const enrolling = enrolEdgeUntilDone(await StateDir.open(dir, 'edge'), {
    ...{ keyFile, log: silentLog, signal: over.signal },
    home: { host: '127.0.0.1', port: 443, socket: path.join(dir, 'control.sock') },
    egress: await readEgress({ env: {}, file: path.join(dir, 'proxy') }),
    onFailed: ({ code }: Fault) => {
      if (met.push(code) === 2) over.abort()
    },
  })
  await assert.rejects(enrolling, { name: 'AbortError' })
  assert.deepEqual(met, ['KEY_MALFORMED', 'KEY_MALFORMED'])
})
