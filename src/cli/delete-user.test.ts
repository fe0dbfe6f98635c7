import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { enrolDevice } from '../control/agents/control.fixture.ts'
import { RestFixture } from '../control/rest/fixture.ts'
import { openContext } from './context.fixture.ts'

const PROGRAM = path.resolve(import.meta.dirname, '../../bin/backstitch')

test('a user is deleted with the devices, or not at all where a rule names them', async () => {
  await using rest = await RestFixture.open()
  await using context = await openContext(rest)
  const remove = async (...words: string[]) => {
    const child = spawn(PROGRAM, ['--context', context.file, 'delete', ...words], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number]>])
    return { said, code }
  }
  const { id } = (await rest.ask('POST', '/api/v1/users', { body: { name: 'ada' } })).body
  for (let n = 0; n < 25; n++) await enrolDevice(rest.store, id, `laptop${n}`)
  const conditions = { users: ['ada'] }
  await rest.ask('POST', '/api/v1/access-rules', {
    body: { name: 'r', order: 1, action: 'allow', conditions },
  })

  const named = await remove('user', 'ada', '--with-devices')
  assert.equal(named.code, 6)
  assert.match(named.said, /IN_USE .*access rule r/)
  assert.equal((await rest.store.devices.all()).length, 25)
  await rest.ask('DELETE', '/api/v1/access-rules/r', { headers: { 'if-match': '*' } })

  const plain = await remove('user', 'ada')
  assert.match(plain.said, /IN_USE .*client device laptop/)
  const whole = await remove('user', 'ada', '--with-devices')
  assert.equal(whole.code, 0, whole.said)
  assert.match(whole.said, /Deleted client device laptop\d+ \(dev_\w+\)\.\n(?:.*\n)*Deleted user ada\./)
  assert.deepEqual(await rest.store.devices.all(), [])
  assert.match((await remove('rule', 'r', '--with-devices')).said, /--with-devices is for a user/)
})
