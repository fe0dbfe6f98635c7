import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import { checkLocalRequest } from './local-request.ts'

const bound = { host: '127.0.0.1', port: 9180 }
const allowed = (headers: Record<string, string>, method = 'GET') => {
  try {
    checkLocalRequest(method, headers, bound)
    return true
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'LOCAL_REQUEST_REFUSED')
    return false
  }
}

test('local names with the right port are let in', () => {
  for (const host of ['127.0.0.1:9180', 'localhost:9180', 'LOCALHOST:9180', '[::1]:9180']) {
    assert.ok(allowed({ host }), host)
  }
  assert.ok(allowed({ host: '127.0.0.1:9180', 'sec-fetch-site': 'none' }, 'HEAD'))
})

test('a rebound name, another port, no Host, any Origin and any write are refused', () => {
  for (const host of [
    'evil.example.com:9180',
    'evil.example.com',
    '127.0.0.1',
    '127.0.0.1:80',
    'localhost:9180.evil.example.com',
    '127.0.0.1:9180@evil',
    '',
  ]) {
    assert.ok(!allowed({ host }), host)
  }
  assert.ok(!allowed({}))
  assert.ok(!allowed({ host: '127.0.0.1:9180', origin: 'https://evil.example.com' }))
  assert.ok(!allowed({ host: '127.0.0.1:9180', origin: 'null' }))
  assert.ok(!allowed({ host: '127.0.0.1:9180', 'sec-fetch-site': 'cross-site' }))
  assert.ok(!allowed({ host: '127.0.0.1:9180' }, 'POST'))
  assert.ok(!allowed({ host: '127.0.0.1:9180' }, 'OPTIONS'))
})
