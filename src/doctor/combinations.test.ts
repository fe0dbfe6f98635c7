import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEchoOf } from '../base/fault-causes.ts'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { type Change, factsOf } from './facts.fixture.ts'
import { ILL, type Illness } from './illnesses.fixture.ts'

/** diagnose.test.ts says of chosen combinations what is told; this holds for every one that can be. */
const NAMES = Object.keys(ILL) as Illness[]
const changeOf = (name: Illness): Change => ILL[name]

/** Illnesses of the same fact cannot be put together: the second would be told in place of the first. */
function canMeet(one: Illness, other: Illness): boolean {
  const [a, b] = [changeOf(one), changeOf(other)]
  const touched = (change: Change) => [...Object.keys(change.known ?? {}), ...(change.without ?? [])]
  return (
    !Object.keys(a.known ?? {}).some((fact) => touched(b).includes(fact)) &&
    !Object.keys(b.known ?? {}).some((fact) => touched(a).includes(fact))
  )
}

function rootsOf(ill: readonly Illness[]) {
  const changes = ill.map(changeOf)
  const facts = factsOf({
    known: Object.assign({}, ...changes.map(({ known }) => known)),
    without: changes.flatMap(({ without = [] }) => without),
  })
  return diagnose(CHECKS, facts).roots.map(({ verdict }) => verdict.fault)
}

const ALONE = new Map(NAMES.map((name) => [name, new Set(rootsOf([name]))]))
const PAIRS = NAMES.flatMap((one, at) =>
  NAMES.slice(at + 1)
    .filter((other) => canMeet(one, other))
    .map((other) => [one, other] as const),
)
const TRIPLES = PAIRS.flatMap(([one, other]) =>
  NAMES.slice(NAMES.indexOf(other) + 1)
    .filter((third) => canMeet(one, third) && canMeet(other, third))
    .map((third) => [one, other, third] as const),
)

for (const [many, sets] of Object.entries({ pair: PAIRS, triple: TRIPLES })) {
  test(`every ${many} of faults (${sets.length}): somebody is blamed, nobody who is well, and no echo`, () => {
    assert.ok(sets.length > 100)
    for (const ill of sets) {
      const roots = rootsOf(ill)
      const name = `${ill.join(' + ')} gave ${roots.join(', ') || 'nothing'}`
      assert.ok(roots.length > 0, name)
      const known = new Set(ill.flatMap((one) => [...ALONE.get(one)!]))
      assert.deepEqual(
        roots.filter((code) => !known.has(code)),
        [],
        name,
      )
      for (const code of roots) {
        assert.deepEqual(
          roots.filter((other) => isEchoOf(code, other)),
          [],
          name,
        )
      }
    }
  })

  test(`of every ${many} of faults, the one that brings the others about is told`, () => {
    for (const ill of sets) {
      const codes = ill.flatMap((one) => [...ALONE.get(one)!])
      const roots = rootsOf(ill)
      for (const code of codes) {
        const explains = codes.filter((other) => isEchoOf(other, code)).length
        const isRoot = !codes.some((other) => isEchoOf(code, other))
        if (explains > 0 && isRoot && explains === new Set(codes).size - 1) {
          assert.deepEqual(roots, [code], ill.join(' + '))
        }
      }
    }
  })
}
