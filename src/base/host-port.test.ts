import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostPort, urlHost } from './host-port.ts'

for (const [host, shown] of [
  ['10.0.0.1', '10.0.0.1:443'],
  ['app.internal', 'app.internal:443'],
  ['::', '[::]:443'],
  ['fd00::1', '[fd00::1]:443'],
  ['fe80::1%eth0', '[fe80::1%eth0]:443'],
  ['::ffff:192.0.2.1', '[::ffff:192.0.2.1]:443'],
] as const) {
  test(`hostPort of ${host} is ${shown}, which a URL parser takes apart again`, () => {
    assert.equal(hostPort({ host, port: 443 }), shown)
    assert.equal(shown, `${urlHost(host)}:443`)
  })
}
