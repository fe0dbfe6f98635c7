import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { choose, SCENARIOS } from '../../lab/scenarios/all.ts'
import { chooseQuick } from '../../lab/scenarios/parts.ts'
import { PROGRAM } from '../installation.ts'
import { finish } from '../program.ts'
import { LAB_SKIP, runPart } from './run-part.ts'

test(
  'lab: on every hop a fault is noticed by itself, named, and cured by what the doctor prints',
  {
    skip: LAB_SKIP,
  },
  (t) => runPart(t, 'quick'),
)

test('lab: the quick part has each hop and each scenario, and the two parts are the whole list', () => {
  const [quick, rest] = [chooseQuick(true), chooseQuick(false)]
  const all = choose()
  const hops = (chosen: typeof all) => new Set(chosen.map(({ variant }) => variant.hop))
  assert.deepEqual(hops(quick), hops(all))
  assert.deepEqual(new Set(quick.map(({ scenario }) => scenario)), new Set(SCENARIOS))
  assert.equal(quick.length + rest.length, all.length)
  const names = ({ scenario, variant }: (typeof all)[number]) => `${scenario.id}:${variant.name}`
  assert.deepEqual([...quick, ...rest].map(names).toSorted(), all.map(names).toSorted())
})

test('lab: when it was ended in the middle, nothing of it is left', { skip: LAB_SKIP }, async () => {
  let pid = 0
  const namespaces = () => (existsSync('/run/netns') ? readdirSync('/run/netns') : [])
  const others = new Set(namespaces())
  const { code } = await finish([PROGRAM, 'lab', 'run', 'SCN-05:reset'], {
    started: (child) => {
      child.stderr!.on('data', (text: Buffer) => {
        if (!String(text).includes('server, resolver')) return
        const [name = ''] = namespaces().filter((one) => !others.has(one))
        pid = Number(/^bslab-(\d+)-/.exec(name)?.[1])
        child.kill('SIGTERM')
      })
    },
  })
  assert.notEqual(code, 0)
  assert.ok(pid > 0)
  const left = ['/run/netns', '/etc/netns'].flatMap((folder) => readdirSync(folder))
  assert.deepEqual(
    left.filter((name) => name.startsWith(`bslab-${pid}-`)),
    [],
  )
})

test('lab: names of scenarios and variants are used once, and every story is told', () => {
  const names = SCENARIOS.flatMap(({ id, variants }) => variants.map(({ name }) => `${id}:${name}`))
  assert.equal(new Set(names).size, names.length)
  for (const { story, variants } of SCENARIOS) {
    assert.ok(story.length > 100)
    for (const { hints } of variants) assert.ok(hints.length >= 3)
  }
})
