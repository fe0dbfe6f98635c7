/**
 * A further edge that an admin deletes, as a process of its own: its doctor says who did it and what brings it back, whether
 * its daemon runs, has ended or waits for a better key; and a key of later brings it back without a hand on its state.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { Installation, PROGRAM } from './installation.ts'
import { finish } from './program.ts'

test('a deleted edge: its doctor, and how it comes back', async (t) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-'))
  t.after(() => rmSync(dir, { recursive: true }))
  await using all = await Installation.start({ dir, reach: { domains: ['app.test'], tcp: ['80'] } })
  const { address, child } = await all.startEdge('near')
  const at = path.join(dir, 'near')
  const flags = ['--state', at, '--config', `${at}.conf`, '--key-file', `${at}.key`]
  const doctor = async () => {
    const where = ['--edge', `${address.host}:${address.port}`]
    return (await finish([PROGRAM, 'doctor', 'edge', ...flags, ...where])).stdout
  }
  await all.command('delete', 'key', (await keyNames(all))[0]!)
  await all.command('delete', 'edge', 'near')
  await all.until(child, () => all.logged(child, 'doctor.verdict').length > 0, 'say what is wrong by itself')
  const [verdict] = all.logged(child, 'doctor.verdict')
  assert.equal(verdict!.code, 'IDENTITY_REVOKED')
  const deleted = /edge near \(edg_\w+\) was deleted at 2\S+ by token /
  const anew = /fix +if it should serve again: declare it again .*\n +backstitch key create --edge near > /
  for (const said of [await doctor(), await stopped()]) {
    assert.match(said, /^control IDENTITY_REVOKED: An admin deleted it/)
    assert.match(said, deleted)
    assert.match(said, anew)
    assert.doesNotMatch(said, /DAEMON_DOWN/)
  }

  // Declared again, and given a key that another machine had before: it waits, and its port is no finding.
  await all.command('apply', '-f', `${at}.yaml`)
  const used = await all.command('key', 'create', '--edge', 'near')
  writeFileSync(path.join(dir, 'other.key'), used, { mode: 0o600 })
  copyFileSync(`${at}.conf`, path.join(dir, 'other.conf'))
  const other = all.runEdge('other', { host: '127.0.0.1', port: 0 })
  await all.until(other, () => all.logged(other, 'edge.enrolled').length > 0, 'take the key')
  await all.stop(other)
  writeFileSync(`${at}.key`, used)
  const again = all.runEdge('near', address)
  await all.until(again, () => all.logged(again, 'edge.enrol-failed').length > 0, 'be refused with that key')
  assert.equal(all.logged(again, 'edge.enrol-failed')[0]!.code, 'KEY_EXHAUSTED')
  const waiting = await doctor()
  assert.match(waiting, /^control KEY_EXHAUSTED: /)
  assert.match(waiting, /fix +backstitch key create --edge near,/)
  assert.doesNotMatch(waiting, /DAEMON_DOWN/)
  assert.match((await finish([PROGRAM, 'status', '--state', at])).stdout, /^edge +enrolling/m)

  writeFileSync(`${at}.key`, await all.command('key', 'create', '--edge', 'near'))
  await all.until(again, () => all.logged(again, 'edge.told').length > 0, 'come back with the key of later')
  assert.match(await all.command('get', 'edges'), /^near +serving /m)

  async function stopped(): Promise<string> {
    await all.stop(child)
    return doctor()
  }
})

test('an edge that was deleted while it runs comes back as another with a key of later; one that lay there before is not tried', async (t) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-'))
  t.after(() => rmSync(dir, { recursive: true }))
  await using all = await Installation.start({ dir, reach: { domains: ['app.test'], tcp: ['80'] } })
  const { child } = await all.startEdge('near')
  const at = path.join(dir, 'near')
  const idOf = (line = 0) => all.logged(child, 'edge.enrolled')[line]!.edge
  // A key of the time before: an admin who deletes the edge means that one, too.
  const before = await all.command('key', 'create', '--edge', 'near', '--name', 'of-before')
  writeFileSync(`${at}.key`, before)
  for (const name of await keyNames(all)) await all.command('delete', 'key', name)
  await all.command('delete', 'edge', 'near')
  await all.until(child, () => all.logged(child, 'doctor.verdict').length > 0, 'hear that it was deleted')
  assert.equal(all.logged(child, 'edge.enrol-failed').length, 0, 'the key of before is not tried')
  await all.command('apply', '-f', `${at}.yaml`)
  writeFileSync(`${at}.key`, await all.command('key', 'create', '--edge', 'near'))
  await all.until(child, () => all.logged(child, 'edge.enrolled').length > 1, 'enrol again')
  assert.notEqual(idOf(1), idOf(0))
  await all.until(child, () => all.logged(child, 'edge.told').length > 1, 'be told what it needs')
  assert.match(await all.command('get', 'edges'), /^near +serving /m)
})

async function keyNames(all: Installation): Promise<string[]> {
  const keys = JSON.parse(await all.command('--json', 'get', 'keys')) as { name: string; edge?: string }[]
  return keys.flatMap(({ name, edge }) => (edge === undefined ? [] : [name]))
}
