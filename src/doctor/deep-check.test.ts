import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeDeepCheck } from './deep-check.ts'

const PATIENT = { role: 'connector', stateDir: '/var/lib/backstitch/connector', proxyFile: '' } as const
const AT = { host: 'hr.tcs.internal', port: 443, address: '10.20.9.40' }
const PASSES = { address: AT.address, throughBytes: 1500, saw: 'echoes up to 1500 bytes' }

test('a connection behind which all is well, or nothing can be seen, is no fault', () => {
  const tls = { names: 'DNS:hr.tcs.internal', subject: 'CN=hr', fits: true }
  assert.equal(judgeDeepCheck(PATIENT, { ...AT, tls, ping: PASSES }), undefined)
  assert.equal(judgeDeepCheck(PATIENT, AT), undefined)
  const told = { ...PASSES, throughBytes: 1400, lostBytes: 1420, toldMtu: 1400 }
  assert.equal(judgeDeepCheck(PATIENT, { ...AT, ping: told }), undefined, 'senders are told')
})

test('a certificate that has ended, or has not begun, is told with its days; whose clock says so is the server', () => {
  const nowMs = Date.parse('2026-11-30T12:00:00Z')
  const day = 86_400_000
  const look = (fromMs: number, toMs: number) =>
    judgeDeepCheck(PATIENT, {
      ...{ ...AT, nowMs, ping: PASSES },
      tls: { names: 'DNS:hr.tcs.internal', subject: 'CN=hr', fits: true, validMs: [fromMs, toMs] },
    })
  assert.equal(look(nowMs - day, nowMs + day), undefined)
  const ended = look(nowMs - 2 * day, nowMs - day)
  assert.equal(`${ended?.hop} ${ended?.code}`, 'application APP_CERT_EXPIRED')
  assert.match(ended!.detail, /expired at 2026-11-29T12:00:00/)
  assert.match(String(ended!.seen.verify), /-checkend 0$/)
  const early = look(nowMs + day, nowMs + 2 * day)
  assert.match(early!.detail, /is not valid before 2026-12-01T12:00:00/)
  assert.match(String(early!.seen.verify), /^backstitch doctor connector /)
})

test('a certificate of another name, and packets that are lost in silence, are told with what to do', () => {
  const tls = { names: 'DNS:old.tcs.internal', subject: 'CN=old', fits: false }
  const name = judgeDeepCheck(PATIENT, { ...AT, tls, ping: PASSES })
  assert.equal(`${name?.hop} ${name?.code}`, 'application APP_TLS_NAME')
  assert.match(name!.detail, /^hr\.tcs\.internal:443: The certificate presented /)
  assert.match(String(name!.seen.saw), /DNS:old\.tcs\.internal/)
  assert.match(String(name!.seen.fix), /add hr\.tcs\.internal to the certificate/)
  const filtered = { ...PASSES, throughBytes: 1000, lostBytes: 1200 }
  assert.equal(judgeDeepCheck(PATIENT, { ...AT, ping: filtered }), undefined, 'echoes are filtered')
  assert.equal(judgeDeepCheck(PATIENT, { ...AT, tls, ping: filtered })?.code, 'APP_TLS_NAME')
  const narrow = judgeDeepCheck(PATIENT, { ...AT, ping: { ...PASSES, throughBytes: 1280, lostBytes: 1360 } })
  assert.equal(`${narrow?.hop} ${narrow?.code}`, 'application PATH_MTU')
  assert.match(String(narrow!.seen.saw), /1280 bytes pass, 1360 are silently dropped/)
  assert.match(String(narrow!.seen.verify), /^backstitch doctor connector .*--app hr\.tcs\.internal:443/)
})
