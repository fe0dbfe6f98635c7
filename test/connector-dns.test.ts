import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { patience } from '../lab/pace.ts'
import { needs } from './needs.ts'

/** What `world` prints, in a network where names are resolved as `resolvConf` says. */
async function inWorld(t: TestContext, world: string, resolvConf: string): Promise<unknown> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-dns-'))
  t.after(() => rm(dir, { recursive: true }))
  await writeFile(path.join(dir, 'resolv.conf'), resolvConf)
  await writeFile(path.join(dir, 'nsswitch.conf'), 'hosts: files dns\n')
  const script = `set -e
    ip link set lo up
    mount --bind ${dir}/resolv.conf "$(readlink -f /etc/resolv.conf)"
    mount --bind ${dir}/nsswitch.conf /etc/nsswitch.conf
    exec ${process.execPath} --disable-warning=ExperimentalWarning ${path.join(import.meta.dirname, world)}`
  const child = spawnSync('unshare', ['--net', '--mount', 'sh', '-c', script], {
    encoding: 'utf8',
    // libc asks for a dead name for 20 s: a process that waited for that would not be done.
    timeout: patience(15_000),
  })
  assert.equal(child.status, 0, child.stderr)
  return JSON.parse(child.stdout)
}

test('the resolver of the system: no such name and no answer are told apart', {
  skip: needs('root', 'netns'),
}, async (t) => {
  const options = 'options timeout:1 attempts:1\n'
  assert.deepEqual(await inWorld(t, 'dns-world.ts', `nameserver 127.0.0.1\n${options}`), {
    answers: ['10.1.2.3'],
    empty: 'APP_NAME_NXDOMAIN',
    none: 'APP_NAME_NXDOMAIN',
    broken: 'APP_RESOLVER_DOWN',
    refused: 'APP_RESOLVER_DOWN',
    silent: 'APP_RESOLVER_DOWN',
  })
})

test('behind a name server that is silent, and beside a dozen names that are, names and the edge are found', {
  skip: needs('root', 'netns'),
}, async (t) => {
  const servers = 'nameserver 127.0.0.2\nnameserver 127.0.0.1\n'
  assert.deepEqual(await inWorld(t, 'dns-silence-world.ts', servers), {
    found: Array(6).fill(['10.1.2.3']),
    edge: 'connected',
  })
})
