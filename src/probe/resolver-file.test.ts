import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { lookAtResolvers, readResolvers } from './resolver-file.ts'

/** As glibc 2.36 takes them, seen in a network namespace by whom `getent` asks with each of these files. */
const FILES: readonly { text: string; servers: readonly string[]; why?: RegExp }[] = [
  { text: 'nameserver 10.0.0.53\n', servers: ['10.0.0.53'] },
  { text: 'nameserver\t10.0.0.53 # ours\n', servers: ['10.0.0.53'] },
  { text: 'nameserver 10.0.0.53\r\n', servers: [], why: /a carriage return/ },
  { text: 'nameserver fd00::53\n', servers: ['fd00::53'] },
  { text: '# nameserver 10.0.0.53\n; nameserver 10.0.0.54\n', servers: [] },
  { text: ' nameserver 10.0.0.53\n', servers: [], why: /line 1, .*: a blank precedes it/ },
  { text: '\ufeffnameserver 10.0.0.53\n', servers: [], why: /a byte order mark/ },
  { text: 'Nameserver 10.0.0.53\n', servers: [], why: /libc requires "nameserver"/ },
  { text: 'nameserver: 10.0.0.53\n', servers: [], why: /line 1/ },
  { text: 'nameserver 10.0.0.53:53\n', servers: [], why: /not an address/ },
  { text: 'nameserver dns.internal\n', servers: [], why: /not an address/ },
  { text: 'nameserver fd00::53\r\n', servers: [], why: /a carriage return/ },
  { text: 'search a.example\nnameserver 10.0.0.53\n', servers: ['10.0.0.53'] },
]
for (const { text, servers, why } of FILES) {
  test(`resolv.conf ${JSON.stringify(text)}: ${servers.join(', ') || 'no resolver'}, as libc reads it`, () => {
    const found = readResolvers(text)
    assert.deepEqual(found.servers, servers)
    if (why === undefined) assert.equal(found.passedOver, undefined)
    else assert.match(found.passedOver![0]!, why)
  })
}

test('resolv.conf: three servers, the last of search and domain', () => {
  const text = [1, 2, 3, 4].map((n) => `nameserver 10.0.0.${n}`).join('\n')
  const found = readResolvers(`${text}\ndomain a.example\nsearch b.example c.example\n`)
  assert.deepEqual(found.servers, ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
  assert.match(found.passedOver![0]!, /10\.0\.0\.4.*only uses the first 3/)
  assert.deepEqual(found.search, ['b.example', 'c.example'])
})

test('resolv.conf that cannot be read is not one that names nobody', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'resolv-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const found = await lookAtResolvers(dir)
  assert.deepEqual([found.is, found.errno], ['failed', 'EISDIR'])
  assert.equal((await lookAtResolvers(path.join(dir, 'none'))).is, 'missing')
})
