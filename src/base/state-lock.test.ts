import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { actAs } from './own-hop.ts'
import { lockState } from './state-lock.ts'

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-lock-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('a directory has one holder, named to whoever comes second, until it lets go', async (t) => {
  const dir = await scratch(t)
  const held = await lockState(dir)
  await assert.rejects(lockState(dir, 'edge'), {
    code: 'STATE_IN_USE',
    hop: 'edge',
    seen: { dir, pid: process.pid },
  })
  await assert.rejects(lockState(dir), { code: 'STATE_IN_USE' }, 'to have been refused ends no lock')
  actAs('client')
  await assert.rejects(lockState(dir), { hop: 'client' }, 'who comes second says so of itself')
  actAs('connector')
  held[Symbol.dispose]()
  using _again = await lockState(dir)
  assert.deepEqual(await readdir(dir), ['.lock'])
  assert.equal((await readFile(path.join(dir, '.lock'))).length, 0)
})

test('a holder that is killed holds nothing any more', async (t) => {
  const dir = await scratch(t)
  const program = `
    const { lockState } = await import(${JSON.stringify(import.meta.resolve('./state-lock.ts'))})
    globalThis.held = await lockState(${JSON.stringify(dir)})
    console.log('held')
    setInterval(() => globalThis.gc?.(), 10)`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  await assert.rejects(lockState(dir), { code: 'STATE_IN_USE', seen: { dir, pid: child.pid } })
  child.kill('SIGKILL')
  await once(child, 'exit')
  using _held = await lockState(dir)
})

test('a directory that is not there, or cannot be written, is named as such', async (t) => {
  const dir = await scratch(t)
  await assert.rejects(lockState(path.join(dir, 'none')), { code: 'STATE_UNWRITABLE' })
})

test('what a killed process left of a file that it replaced goes with the next start; what is new stays', async (t) => {
  const dir = await scratch(t)
  const names = ['.identity.json.0123456789ab', '.identity.json.ba9876543210', '.hidden', 'identity.json']
  for (const name of names) await writeFile(path.join(dir, name), '')
  const twoMinutesAgo = new Date(Date.now() - 120_000)
  for (const name of [names[0]!, '.hidden', 'identity.json'])
    await utimes(path.join(dir, name), twoMinutesAgo, twoMinutesAgo)
  using _held = await lockState(dir)
  assert.deepEqual((await readdir(dir)).sort(), ['.hidden', names[1], '.lock', 'identity.json'].sort())
})
