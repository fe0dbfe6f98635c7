import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type KeyRecord, keyState } from './keys.ts'

const key = { uses: 0, maxUses: 2, expiresMs: 1000, revoked: false } as KeyRecord

for (const [now, state] of [
  [{}, 'usable'],
  [{ uses: 1 }, 'usable'],
  [{ uses: 2 }, 'exhausted'],
  [{ uses: 3 }, 'exhausted'],
  [{ expiresMs: 500 }, 'expired'],
  [{ expiresMs: 500, uses: 2 }, 'expired'],
  [{ revoked: true, expiresMs: 500, uses: 2 }, 'revoked'],
] as const) {
  test(`a key of ${JSON.stringify(now)} is ${state}`, () =>
    assert.equal(keyState({ ...key, ...now }, 500), state))
}
