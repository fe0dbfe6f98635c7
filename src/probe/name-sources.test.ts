import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { lookAtNameSources, readHosts, readOrder } from './name-sources.ts'

test('nsswitch: the last line of hosts, without its actions; the usual where there is none', () => {
  assert.deepEqual(readOrder('passwd: files\n').services, ['files', 'dns'])
  const text = 'hosts: files\nhosts:  files mdns4_minimal [NOTFOUND=return] dns # local first\n'
  assert.deepEqual(readOrder(text), {
    line: 'hosts: files mdns4_minimal [NOTFOUND=return] dns',
    services: ['files', 'mdns4_minimal', 'dns'],
  })
})

test('hosts: every line that has the name, and no line that is none', () => {
  const text =
    '127.0.0.1 localhost\n10.0.0.1\tapp.internal APP # app2\n10.0.0.2 other\nno-address app\n  ::1 app\n'
  assert.deepEqual(
    readHosts(text, 'app.').map(({ line, address }) => [line, address]),
    [
      [2, '10.0.0.1'],
      [5, '::1'],
    ],
  )
  assert.deepEqual(readHosts(text, 'app2'), [])
})

test('sources of a machine: hosts only where nsswitch asks for files, caches by their sockets, what cannot be read', async (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'sources-'))
  t.after(() => rmSync(root, { recursive: true }))
  mkdirSync(path.join(root, 'etc/gai.conf'), { recursive: true })
  mkdirSync(path.join(root, 'run/nscd'), { recursive: true })
  writeFileSync(path.join(root, 'run/nscd/socket'), '')
  writeFileSync(path.join(root, 'etc/hosts'), '10.0.0.1 app\n')
  const with_ = await lookAtNameSources('app', root)
  assert.deepEqual(with_.hosts, [{ line: 1, address: '10.0.0.1', names: ['app'] }])
  assert.deepEqual([with_.caches, with_.unread], [['nscd'], ['/etc/gai.conf: EISDIR']])
  writeFileSync(path.join(root, 'etc/nsswitch.conf'), 'hosts: dns\n')
  assert.deepEqual((await lookAtNameSources('app', root)).hosts, [])
})
