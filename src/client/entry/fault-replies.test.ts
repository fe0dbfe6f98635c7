import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAULTS, Fault, type FaultCode } from '../../base/faults.ts'
import { httpReplyOf, socksReplyOf } from './fault-replies.ts'

test('the codes a user meets most have the reply their program can show', () => {
  const table: [FaultCode, number, number][] = [
    ['POLICY_DENIED', 2, 403],
    ['CLIENT_NOT_COVERED', 2, 403],
    ['CLIENT_WRONG_PORT', 2, 403],
    ['CONTROL_UNREACHABLE', 3, 504],
    ['EDGE_UNREACHABLE', 3, 502],
    ['APP_NAME_NXDOMAIN', 4, 502],
    ['APP_REFUSED', 5, 502],
    ['APP_TIMEOUT', 6, 504],
    ['BAD_DESTINATION', 8, 400],
    ['INTERNAL', 1, 502],
  ]
  for (const [code, socks, status] of table) {
    const fault = new Fault(code, 'x')
    assert.equal(socksReplyOf(fault), socks, code)
    assert.equal(httpReplyOf(fault).status, status, code)
  }
})

test('every fault has a failing reply on both protocols', () => {
  for (const code of Object.keys(FAULTS) as FaultCode[]) {
    const fault = new Fault(code, 'x')
    assert.ok(socksReplyOf(fault) > 0 && socksReplyOf(fault) <= 8, code)
    const { status } = httpReplyOf(fault)
    assert.ok(status >= 400 && status <= 504, code)
  }
})

test('the problem document names code, hop, cause, fix and session', () => {
  const fault = new Fault('APP_REFUSED', 'connect 10.0.0.1:80', { seen: { errno: 'ECONNREFUSED' } })
  const body = JSON.parse(
    httpReplyOf(fault, { session: 'ses_x', to: { host: 'wiki.internal', port: 80 } }).body,
  )
  assert.equal(body.code, 'APP_REFUSED')
  assert.equal(body.hop, 'application')
  assert.equal(body.session, 'ses_x')
  assert.equal(body.detail, 'connect 10.0.0.1:80')
  assert.ok(body.cause && body.fix)
  assert.equal(body.verify, 'nc -zv wiki.internal 80 on the connector succeeds')
  assert.equal(body.more, 'backstitch doctor client --app wiki.internal:80')
  assert.deepEqual(body.seen, { errno: 'ECONNREFUSED' })
})

test('a detail with quotes and line breaks cannot break out of the header', () => {
  const fault = new Fault('INTERNAL', 'a "b" \\ \r\nSet-Cookie: x=1\u2028é')
  const header = httpReplyOf(fault).headers['Proxy-Status']!
  assert.match(header, /^[\x20-\x7e]+$/)
  assert.ok(header.endsWith(`: a \\"b\\" \\\\ ??Set-Cookie: x=1??; more: backstitch client status"`), header)
})

test('a browser is shown a page: what broke, whom to ask, and nothing that runs or is loaded', () => {
  const fault = new Fault('POLICY_DENIED', 'rule <script>alert(1)</script> & "friends"', {
    seen: { denial: 'den_1' },
  })
  const { headers, body } = httpReplyOf(fault, {
    ...{ to: { host: 'wiki.internal', port: 80 }, session: 'ses_x' },
    ...{ html: true, ask: 'backstitch describe denial den_1' },
  })
  assert.equal(headers['Content-Type'], 'text/html; charset=utf-8')
  assert.match(headers['Content-Security-Policy']!, /^default-src 'none'/)
  assert.equal(Number(headers['Content-Length']), Buffer.byteLength(body))
  assert.match(body, /<li aria-current="true">control<\/li>/)
  assert.match(body, /Ask an admin, with this command<\/h2>\n<pre>backstitch describe denial den_1<\/pre>/)
  assert.match(body, /<pre>backstitch doctor client --app wiki\.internal:80<\/pre>/)
  for (const said of ['wiki.internal:80', 'POLICY_DENIED', 'ses_x', 'den_1'])
    assert.ok(body.includes(said), said)
  assert.ok(!/<script|javascript:|src=|href=/i.test(body))
  assert.ok(body.includes('rule &lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;friends&quot;'))
})

test('what a user can mend alone is their fix, and no admin is sent for', () => {
  const fault = new Fault('REAUTH_NEEDED', 'the device certificate ended')
  const { body } = httpReplyOf(fault, { html: true })
  assert.match(body, /<h2>Fix<\/h2>\n<p>Run: backstitch client login/)
  assert.ok(!body.includes('admin, with this command'))
})
