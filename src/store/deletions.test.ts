import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asFault } from '../base/faults.ts'
import { openStore } from './store.ts'

test('what was deleted is not forgotten: who did it and when is told to whoever asks for it by name or id', async (t) => {
  const store = await openStore({ file: ':memory:' })
  t.after(() => store[Symbol.asyncDispose]())
  const { id } = await store.transaction(async (tx) => {
    const made = await tx.objects.put({ kind: 'user-group', name: 'staff', spec: { description: '' } })
    await tx.objects.delete('user-group', made.id)
    await tx.audit.append({
      actor: 'token ann (tok_1)',
      action: 'user-group.delete',
      object: `user-group ${made.id}`,
      detail: { name: 'staff', was: {} },
    })
    return made
  })
  for (const word of [id, 'staff']) {
    const { code, detail, seen } = await store.objects
      .get('user-group', word)
      .then(() => assert.fail('it is there'), asFault)
    assert.equal(code, 'NOT_FOUND')
    assert.match(detail, /staff \(ugr_\w+\) was deleted at 2\S+Z by token ann \(tok_1\)$/)
    assert.equal(seen.by, 'token ann (tok_1)')
  }
  const never = await store.objects
    .get('user-group', 'nobody')
    .then(() => assert.fail('it is there'), asFault)
  assert.equal(never.detail, 'no user group nobody')
})
