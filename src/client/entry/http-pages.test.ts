import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequestHead } from './http-head.ts'
import { type LocalPages, readPage } from './http-pages.ts'

const pages: LocalPages = {
  '/proxy.pac': { type: 'text/plain', text: (at) => `PROXY ${at}`, forOthers: true },
  '/metrics': { type: 'text/plain', text: () => 'up 1' },
}

const ask = (path: string, host: string, at: string) => {
  const fields = ['Host', host]
  const head: RequestHead = { method: 'GET', target: path, minor: 1, fields, framing: { is: 'none' } }
  return readPage(pages, head, path, { host: at, port: 9180 })
}

test('the PAC file names the address that it was asked for at, on this machine and on others', () => {
  assert.match(ask('/proxy.pac', 'localhost:9180', '127.0.0.1'), /PROXY 127\.0\.0\.1:9180$/)
  assert.match(ask('/proxy.pac', '10.77.0.1:9180', '10.77.0.1'), /PROXY 10\.77\.0\.1:9180$/)
  assert.match(ask('/proxy.pac', '[fd00::1]:9180', 'fd00::1'), /PROXY \[fd00::1\]:9180$/)
})

test('figures are for this machine alone, and another name for the address is refused', () => {
  assert.match(ask('/metrics', '127.0.0.1:9180', '127.0.0.1'), /up 1$/)
  assert.throws(() => ask('/metrics', '10.77.0.1:9180', '10.77.0.1'), { code: 'NOT_FOUND' })
  assert.throws(() => ask('/proxy.pac', 'rebound.example:9180', '10.77.0.1'), {
    code: 'LOCAL_REQUEST_REFUSED',
  })
})
