import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { type Change, factsOf, fixtureFault } from './facts.fixture.ts'

const BEHIND = {
  egress: { proxy: { host: '10.20.1.8', port: 8080 }, source: 'file /etc/backstitch/proxy', noProxy: [] },
}
const SECOND = { host: 'edge.example.com', port: 8443 }

function verdictOf(change: Change) {
  const [root] = diagnose(CHECKS, factsOf(change)).roots
  assert.ok(root !== undefined)
  return root.verdict
}

function asked(asksFor: string[], credentialsSent: boolean) {
  const fault = fixtureFault('PROXY_AUTH', 'asks', { seen: { status: '407', asksFor, credentialsSent } })
  const known = { egress: BEHIND, dial: { fault, tookMs: 9 } }
  return verdictOf({ known, without: ['tcp', 'edgeName', 'tls', 'answer'] })
}

test('a proxy that wants a sign-in which nobody here speaks: the cause says so, whatever was sent', () => {
  for (const sent of [true, false]) {
    const { cause, fix } = asked(['NTLM', 'Negotiate'], sent)
    assert.match(cause, /^The proxy requires NTLM or Negotiate authentication, and only Basic is supported/)
    assert.match(fix[0]!, /allow this machine to reach edge\.example\.com:443 without authentication$/)
  }
  assert.match(asked(['Digest realm="x", nonce="y"'], true).cause, /requires Digest authentication,/)
})

test('a proxy that takes Basic beside others: whether user and password were sent tells which it is', () => {
  assert.match(
    asked(['Negotiate', 'Basic realm="x"'], true).cause,
    /rejects the configured user name and password/,
  )
  assert.match(asked(['Negotiate', 'Basic realm="x"'], false).cause, /none are set/)
})

type Code = Parameters<typeof fixtureFault>[0]
const WAYS: [code: Code, proxied: boolean, how: RegExp, fix: RegExp, verify: RegExp][] = [
  ['EGRESS_BLOCKED', false, /was dropped/, /^allow outbound TCP .* to 203\.0\.113\.7 port 8443$/, /^nc /],
  ['EGRESS_REJECTED', false, /was refused;/, /^allow outbound TCP .* port 8443$/, /^nc /],
  ['TLS_INTERCEPTED', false, /not as an edge/, /^exempt edge\.example\.com:8443 from TLS/, /doctor/],
  ['HANDSHAKE_TIMEOUT', false, /handshake stalls/, /^exempt edge\.example\.com:8443/, /doctor/],
  [
    'PROXY_REFUSED',
    true,
    /refused by the proxy/,
    /^allow CONNECT to edge\.example\.com:8443 on the proxy 10/,
    /doctor/,
  ],
  ['PROXY_AUTH', true, /requires authentication/, /on the proxy 10\.20\.1\.8:8080/, /doctor/],
  ['TLS_INTERCEPTED', true, /not as an edge/, /on the proxy .*, without TLS inspection$/, /doctor/],
]

for (const [code, proxied, how, fix, verify] of WAYS) {
  test(`a second port that is stopped by ${code}, ${proxied ? 'behind a proxy' : 'straight'}: the fix is for whoever stops it`, () => {
    const fault = fixtureFault(code, 'stopped', { seen: { resolved: ['203.0.113.7'] } })
    const edges = { region: '', edges: [], second: { at: SECOND, distance: { fault } } }
    const said = verdictOf({
      known: { edges, ...(proxied ? { egress: BEHIND } : {}) },
      without: proxied ? ['tcp', 'edgeName'] : [],
    })
    assert.equal(said.fault, 'CONTROL_PORT_BLOCKED')
    assert.match(said.cause, how)
    assert.match(said.fix[0]!, fix)
    assert.match(said.verify.run, verify)
  })
}

test('TLS that is ended behind a proxy: its certificate, and the proxy to ask, in words', () => {
  const [leaf] = factsOf({}).known.tls!.chain
  const issuer = 'CN=Squid Inspection CA, O=Example'
  const tls = {
    ...factsOf({}).known.tls!,
    chain: [{ ...leaf!, issuer, subject: 'CN=edge.example.com' }],
    fault: fixtureFault('TLS_INTERCEPTED', 'the chain does not end in the pinned tenant CA'),
  }
  const without = ['answer', 'tcp', 'edgeName'] as const
  const said = verdictOf({ known: { tls, egress: BEHIND }, without: [...without] })
  assert.equal(said.fault, 'TLS_INTERCEPTED')
  assert.match(
    said.cause,
    /^The proxy 10\.20\.1\.8:8080, or something behind it, intercepts TLS and re-signs it/,
  )
  assert.ok(said.seen.includes(`issuer=${issuer}`))
  assert.ok(
    said.seen.includes('the path goes through the proxy 10.20.1.8:8080, set in file /etc/backstitch/proxy'),
  )
  assert.match(
    said.fix[0]!,
    /^exempt edge\.example\.com:443 from TLS inspection on the proxy 10\.20\.1\.8:8080 in Squid$/,
  )
  const straight = verdictOf({ known: { tls }, without: ['answer'] })
  assert.doesNotMatch([straight.cause, ...straight.seen, ...straight.fix].join(' '), /proxy/i)
})
