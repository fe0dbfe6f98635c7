import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counterOf, lookAtReturnPath, readFiltered } from './return-path.ts'

const TEXT = [
  'TcpExt: SyncookiesSent IPReversePathFilter TCPTimeouts',
  'TcpExt: 0 13 3',
  'IpExt: InNoRoutes InOctets',
  'IpExt: 5 4096',
  '',
].join('\n')

test('counterOf: the figure under its name, of its own group', () => {
  assert.equal(counterOf(TEXT, 'TcpExt', 'IPReversePathFilter'), 13)
  assert.equal(counterOf(TEXT, 'IpExt', 'InNoRoutes'), 5)
  assert.equal(counterOf(TEXT, 'IpExt', 'IPReversePathFilter'), undefined)
  assert.equal(counterOf('', 'TcpExt', 'TCPTimeouts'), undefined)
})

test('lookAtReturnPath: says nothing when nothing was dropped, or nobody counts', async () => {
  const { signal } = new AbortController()
  assert.equal(await lookAtReturnPath(await readFiltered(), '127.0.0.1', signal), undefined)
  assert.equal(await lookAtReturnPath(await readFiltered('/nowhere'), '127.0.0.1', signal), undefined)
})
