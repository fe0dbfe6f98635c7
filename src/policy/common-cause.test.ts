import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commonCause } from './common-cause.ts'
import type { Candidate } from './select.ts'

const AT = Date.UTC(2026, 0, 1, 12)
const member = (name: string, state: Candidate['state'], left?: Candidate['left']): Candidate => ({
  ...{ id: name, name, group: 'dc1', state, sessions: 0, left },
})
const silent = (atMs: number) => ({ atMs, orderly: false })
const goodbye = (atMs: number) => ({ atMs, orderly: true })

test('who was the last one is said where the loss of one was enough, and not where all went together', () => {
  const cases: { name: string; members: Candidate[]; says?: RegExp }[] = [
    { name: 'no member at all', members: [] },
    { name: 'one member', members: [member('a', 'disconnected')], says: /^a is the only member/ },
    {
      name: 'one for its patches, then the other',
      members: [member('a', 'disconnected', silent(AT + 5000)), member('b', 'disconnected', goodbye(AT))],
      says: /^once b had left at 2026-01-01T12:00:00.*, everything depended on a: a single point of failure$/,
    },
    {
      name: 'one for its patches, and the other drains',
      members: [member('a', 'draining'), member('b', 'disconnected', goodbye(AT))],
      says: /everything depended on a/,
    },
    {
      name: 'one long before the other',
      members: [member('a', 'disconnected', silent(AT)), member('b', 'disconnected', silent(AT + 600_000))],
      says: /once a had left .* depended on b/,
    },
    {
      name: 'an admin took one out, when is not known',
      members: [member('a', 'disabled'), member('b', 'disconnected', silent(AT))],
      says: /^once a had left, everything depended on b/,
    },
    {
      name: 'the site is cut off',
      members: [member('a', 'disconnected', silent(AT)), member('b', 'disconnected', silent(AT + 900))],
    },
    { name: 'both drain', members: [member('a', 'draining'), member('b', 'draining')] },
    {
      name: 'control has started since',
      members: [member('a', 'disconnected'), member('b', 'disconnected', silent(AT))],
    },
    { name: 'an admin took out all', members: [member('a', 'disabled'), member('b', 'disabled')] },
  ]
  for (const { name, members, says } of cases) {
    const said = commonCause(members)
    if (says === undefined) assert.equal(said, undefined, name)
    else assert.match(said ?? 'nothing', says, name)
  }
})
