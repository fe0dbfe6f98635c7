import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEdge } from './globals.ts'

test('an edge without a port is at 443; an address of IPv6 is in brackets', () => {
  assert.deepEqual(parseEdge('edge.example.com'), { host: 'edge.example.com', port: 443 })
  assert.deepEqual(parseEdge('edge.example.com:8443'), { host: 'edge.example.com', port: 8443 })
  assert.deepEqual(parseEdge('[2001:db8::1]'), { host: '2001:db8::1', port: 443 })
  assert.deepEqual(parseEdge('[2001:db8::1]:8443'), { host: '2001:db8::1', port: 8443 })
  for (const bad of [
    '',
    '2001:db8::1',
    'https://edge.example.com',
    'edge.example.com:',
    'edge.example.com:70000',
  ]) {
    assert.throws(() => parseEdge(bad), /Expected HOST:PORT/, bad)
  }
})
