import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { needs } from './needs.ts'

test('the resolver of the system: no such name and no answer are told apart', {
  skip: needs('root', 'netns'),
}, async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-dns-'))
  t.after(() => rm(dir, { recursive: true }))
  await writeFile(path.join(dir, 'resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
  await writeFile(path.join(dir, 'nsswitch.conf'), 'hosts: files dns\n')
  const world = path.join(import.meta.dirname, 'dns-world.ts')
  const script = `set -e
    ip link set lo up
    mount --bind ${dir}/resolv.conf "$(readlink -f /etc/resolv.conf)"
    mount --bind ${dir}/nsswitch.conf /etc/nsswitch.conf
    exec ${process.execPath} --disable-warning=ExperimentalWarning ${world}`
  const child = spawnSync('unshare', ['--net', '--mount', 'sh', '-c', script], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  assert.equal(child.status, 0, child.stderr)
  assert.deepEqual(JSON.parse(child.stdout), {
    answers: ['10.1.2.3'],
    empty: 'APP_NAME_NXDOMAIN',
    none: 'APP_NAME_NXDOMAIN',
    broken: 'APP_RESOLVER_DOWN',
    refused: 'APP_RESOLVER_DOWN',
    silent: 'APP_RESOLVER_DOWN',
  })
})
