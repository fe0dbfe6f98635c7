import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { nameOf } from '../lab/scenario.ts'
import { choose } from '../lab/scenarios/all.ts'
import { FAULTS, type FaultCode } from '../src/base/faults.ts'
import { places, SHOWN } from './shown.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')
const VARIANTS = choose().map(({ scenario, variant }) => ({
  name: nameOf(scenario, variant),
  code: variant.code,
}))

test('every place where the doctor fails is shown by a variant of the lab or a test, each as often as it is there', () => {
  const found = new Map<string, number>()
  for (const { name } of places()) found.set(name, (found.get(name) ?? 0) + 1)
  const lacking = [...found].filter(([place, count]) => (SHOWN[place]?.length ?? 0) < Math.min(count, 2))
  assert.deepEqual(lacking, [], 'name in SHOWN the variant that runs its fix and verify, or the test')
  assert.deepEqual(
    Object.keys(SHOWN).filter((place) => !found.has(place)),
    [],
    'is there no more',
  )
})

test('what is named as showing it is there, and ends in that code', () => {
  for (const [place, by] of Object.entries(SHOWN)) {
    const codes: readonly string[] = place.match(/\b[A-Z][A-Z_]+\b/g) ?? []
    for (const one of by) {
      if (one.endsWith('.ts')) {
        const text = read(one)
        const named = codes.length === 0 || codes.some((code) => new RegExp(`\\b${code}\\b`).test(text))
        assert.ok(named, `${one} says nothing of ${place}`)
      } else {
        const variant = VARIANTS.find(({ name }) => name === one)
        assert.ok(variant !== undefined, `there is no ${one}`)
        if (codes.length > 0)
          assert.ok(codes.includes(variant.code), `${one} is ${variant.code}, not ${place}`)
      }
    }
  }
})

test('every code is shown by a variant of the lab, or asserted by a test that brings it about', () => {
  const byVariant = new Set<string>(VARIANTS.map(({ code }) => code))
  const tests = globSync('{src,test}/**/*.test.ts', { cwd: ROOT })
    .filter((file) => !/shown-causes|faults-page|fault-causes|faults\.test|read-log/.test(file))
    .map(read)
    .join('\n')
  const unshown = (Object.keys(FAULTS) as FaultCode[]).filter(
    (code) => !byVariant.has(code) && !new RegExp(`\\b${code}\\b`).test(tests),
  )
  assert.deepEqual(unshown, [])
})

/** They show, and change nothing. A fix may begin with one, and must not be that alone. */
const LOOK =
  /^(ss|nc|dig|ip route get|journalctl|ps|ls|stat|cat|du|findmnt|look at|check|find|backstitch (get|status|describe)) ?/

test('no fix in the checks is a look alone', () => {
  for (const file of globSync('src/doctor/checks/*.ts', { cwd: ROOT })) {
    for (const [, only] of read(file).matchAll(/fix: \[\s*[`']([^`'\n]*)[`'],?\s*\]/g)) {
      assert.doesNotMatch(only!, LOOK, `${file}: nobody is helped by this alone`)
    }
  }
})
