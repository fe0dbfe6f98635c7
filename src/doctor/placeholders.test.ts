import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { changed, factsOf, fixtureFault } from './facts.fixture.ts'
import { ILL, type Illness } from './illnesses.fixture.ts'

/** Where nothing on this machine tells: the person who reads knows. `GROUP` only where no configuration names it. */
const NOBODY_KNOWS = /\b(?:PROXY:PORT|USER:PASSWORD@|GATEWAY|INTERNAL-RESOLVER|--user NAME|--edge NAME)\b/g
const OPEN =
  /(?<![\w-])(?:APP|PORT|EDGE|INTERFACE|GROUP|KEYFILE|STATE|SEGMENT|DENIAL|DEVICE|PIN|NAME)(?![\w-])/

for (const name of Object.keys(ILL) as Illness[]) {
  test(`${name}: nothing that is known here is left open in what is printed`, () => {
    const change = ILL[name]
    const facts = factsOf({
      ...change,
      patient: { group: 'dc1', ...('patient' in change ? change.patient : {}) },
    })
    for (const { verdict } of diagnose(CHECKS, facts).roots) {
      for (const text of [verdict.cause, ...verdict.fix, verdict.verify.run]) {
        assert.doesNotMatch(text.replaceAll(NOBODY_KNOWS, ''), OPEN, text)
      }
    }
  })
}

test('what control told of a key names the group by which the next one is made', () => {
  const seen = { group: 'grp_1', groupName: 'dc1' }
  const fault = fixtureFault('KEY_EXPIRED', 'key k (key_1) ended yesterday', { seen })
  const facts = factsOf({ known: { daemon: changed('daemon', { state: 'enrolling', fault }) } })
  const [root] = diagnose(CHECKS, facts).roots
  assert.match(root!.verdict.fix[0]!, /^backstitch key create --group dc1, then/)
})

test('where ping is not there the size of packets is unknown, not well', () => {
  const target = { host: 'hr.internal', port: 443, networks: [] }
  const name = { name: target.host, addresses: ['10.20.9.40'], tookMs: 3, servers: [] }
  const open = { address: '10.20.9.40', port: 443, is: 'open', tookMs: 1 } as const
  const app = { target, name, refused: [], attempts: [open], neighbours: [] }
  const { judgements } = diagnose(CHECKS, factsOf({ known: { app }, patient: { app: target } }))
  const size = judgements.find(({ check }) => check === 'app-mtu')
  assert.equal(size?.verdict.is, 'unknown')
})
