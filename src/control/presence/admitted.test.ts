import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../base/ids.ts'
import type { IdentityRole } from '../../pki/identity.ts'
import { openStore } from '../../store/store.ts'
import { shutOut } from './admitted.ts'

test('what a restored copy does not know is told that, and not that it was deleted', async (t) => {
  const store = await openStore({ file: ':memory:' })
  t.after(() => store[Symbol.asyncDispose]())
  const knocks = (role: IdentityRole, id: string) =>
    shutOut(store, { tenant: 'tnt_1', role, id } as Parameters<typeof shutOut>[1], undefined)
  const before = newId('con', Date.now() - 60_000)
  await store.audit.append({ actor: 'token ada (tok_1)', action: 'user.create', object: 'user usr_1' })
  const never = await knocks('connector', newId('con', Date.now() + 5000))
  assert.match(never.detail, /^connector con_\w+ is not known here; who deleted it is no longer on record$/)

  await store.audit.append({ actor: 'system', action: 'store.restore', object: '', detail: { from: '/b' } })
  const after = newId('dev', Date.now() + 5000)
  const { code, detail, seen } = await knocks('client', after)
  assert.equal(code, 'IDENTITY_REVOKED')
  assert.match(
    detail,
    /^client dev_\w+ is not known here: the server was restored at 2\S+ to a copy from before it enrolled \(2\S+\)$/,
  )
  assert.deepEqual(Object.keys(seen), ['enrolled', 'restored'])
  assert.match(
    (await knocks('edge', newId('edg', Date.now() + 5000))).detail,
    /^edge edg_\w+ is not known here: the server was restored/,
  )
  assert.match((await knocks('connector', before)).detail, /no longer on record$/)
})
