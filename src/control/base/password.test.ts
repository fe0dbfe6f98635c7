import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPassword, hashPassword } from './password.ts'

const PASSWORD = 'correct horse battery'

test('a password is kept as argon2id of the advised cost and matches only itself', async () => {
  const text = await hashPassword(PASSWORD)
  assert.match(text, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.notEqual(text, await hashPassword(PASSWORD), 'each has a salt of its own')
  assert.equal(await checkPassword(PASSWORD, text), true)
  assert.equal(await checkPassword(`${PASSWORD} `, text), false)
  const composed = await hashPassword('caf\u00e9 terrace')
  assert.equal(await checkPassword('cafe\u0301 terrace', composed), true, 'as another keyboard would send it')
})

test('what is no hash of ours, or would cost too much to check, matches nothing', async () => {
  const costly =
    '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQxNmJ5dGVzIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
  for (const text of ['', 'plain', '$2b$10$abcdefghijklmnopqrstuv', costly]) {
    assert.equal(await checkPassword(PASSWORD, text), false)
  }
})
