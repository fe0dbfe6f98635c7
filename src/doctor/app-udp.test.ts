import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { lookAtApplication } from './application-look.ts'
import { CHECKS } from './checks/all.ts'
import { askAgain } from './checks/words.ts'
import { diagnose } from './diagnose.ts'
import { factsOf, tcp } from './facts.fixture.ts'
import type { AppTarget } from './patient.ts'

async function listener() {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { port: socket.address().port, close: () => socket.close() }
}

/** What the doctor of a connector says of an application at this UDP port, where no TCP port is open. */
async function examined(port: number) {
  const target: AppTarget = { host: '127.0.0.1', port, protocol: 'udp', networks: ['127.0.0.1/32'] }
  const resolvers = { servers: [] } as unknown as Parameters<typeof lookAtApplication>[1]
  const before = Promise.resolve([])
  const app = await lookAtApplication(target, resolvers, { before, signal: new AbortController().signal })
  const facts = factsOf({ known: { app }, patient: { app: target } })
  const { roots, judgements } = diagnose(CHECKS, facts)
  return { app, roots, facts, said: new Map(judgements.map(({ check, verdict }) => [check, verdict])) }
}

test('an application of UDP is asked by UDP: nobody there is refused, and nothing is said of TCP', async () => {
  const gone = await listener()
  gone.close()
  const { app, roots, facts, said } = await examined(gone.port)
  assert.deepEqual(app.attempts, [], 'no connection was tried')
  assert.deepEqual(
    roots.map(({ hop, verdict }) => `${hop} ${verdict.fault}`),
    ['application APP_REFUSED'],
  )
  assert.match(
    JSON.stringify(roots[0]!.verdict),
    new RegExp(`UDP: ECONNREFUSED after .*ss -lun 'sport = :${gone.port}'`),
  )
  for (const check of ['app-port', 'app-answer', 'app-tls']) assert.equal(said.has(check), false, check)
  assert.match(
    askAgain(facts.patient),
    new RegExp(`--app 127\\.0\\.0\\.1:${gone.port}/udp`),
    'asked again it is the same',
  )
})

test('an application of UDP that answers no empty datagram is neither well nor ill', async (t) => {
  const there = await listener()
  t.after(() => there.close())
  const { roots, said } = await examined(there.port)
  assert.deepEqual(roots, [])
  const verdict = said.get('app-udp')
  assert.equal(verdict?.is, 'unknown')
  assert.match(JSON.stringify(verdict), /got no answer, which is normal for most applications/)
})

for (const [is, cause] of [
  ['unreachable', /This address is unreachable/],
  ['prohibited', /firewall on the path rejects the datagram/],
] as const) {
  test(`an application of UDP that is ${is} is told so`, () => {
    const target: AppTarget = { host: '10.20.9.40', port: 514, protocol: 'udp', networks: [] }
    const { errno: _, ...at } = tcp(is, { address: '10.20.9.40', port: 514 })
    const name = { name: target.host, addresses: [target.host], tookMs: 0, servers: [] }
    const app = {
      target,
      name,
      refused: [],
      attempts: [],
      neighbours: [],
      udp: [{ ...at, errno: 'EHOSTUNREACH' }],
    }
    const { roots } = diagnose(CHECKS, factsOf({ known: { app }, patient: { app: target } }))
    assert.equal(roots[0]?.verdict.fault, 'APP_UNREACHABLE')
    assert.match(JSON.stringify(roots[0]!.verdict), cause)
  })
}
