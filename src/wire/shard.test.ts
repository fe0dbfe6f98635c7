import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALPN_PIPE } from './handover.ts'
import { alpnOfShard, SHARDS, shardIn } from './shard.ts'

test('every shard is read back from its name, among others', () => {
  for (let shard = 0; shard < SHARDS; shard++) {
    assert.equal(shardIn([ALPN_PIPE, alpnOfShard(shard)]), shard)
  }
})

for (const [what, alpn] of [
  ['none', [ALPN_PIPE]],
  ['one digit', ['backstitch-shard/7']],
  ['three digits', ['backstitch-shard/100']],
  ['a capital', ['backstitch-shard/7F']],
  ['nothing behind it', ['backstitch-shard/']],
  ['a sign', ['backstitch-shard/-1']],
] as const) {
  test(`${what}: no shard`, () => assert.equal(shardIn(alpn), undefined))
}
