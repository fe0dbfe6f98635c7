/** Lint as an operator meets it: after a write, before one, on one object, and on everything. Real programs. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { LintReply } from '../src/api/lint.ts'
import { Installation, PROGRAM } from './installation.ts'
import { finish } from './program.ts'

let dir: string
let place: Installation

before(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'bs-lint-'))
  place = await Installation.start({ dir, reach: { domains: ['wiki.example'], tcp: ['443'] } })
})
after(async () => {
  await place?.[Symbol.asyncDispose]()
  await rm(dir, { recursive: true, force: true })
})

const context = () => path.join(dir, 'server', 'context.json')
const run = (...args: string[]) => finish([PROGRAM, '--context', context(), ...args])

function file(name: string, text: string): string {
  const at = path.join(dir, name)
  writeFileSync(at, text)
  return at
}

test('a write says what is doubtful about what was written, a dry run before it is', async () => {
  const lost = file('lost.yaml', 'kind: segment\nname: lost\ndomains: [lost.example]\ntcp: ["443"]\n')
  const said = /SEGMENT_UNMAPPED application segment lost: it has no server group\n +so +users .*\n +fix +\S/
  const dry = await place.command('apply', '-f', lost, '--dry-run')
  assert.match(dry, /nothing was changed/)
  assert.match(dry, said)
  assert.equal((await run('describe', 'segment', 'lost')).code, 3, 'it was a dry run')
  const applied = await place.command('apply', '-f', lost)
  assert.match(applied, said)
  assert.doesNotMatch(applied, /NO_HEALTHY_CONNECTOR/, 'of what was not written nothing is said')
  const { warnings } = JSON.parse(await place.command('--json', 'apply', '-f', lost))
  assert.deepEqual(
    warnings.map(({ code, object }: { code: string; object: { name: string } }) => [code, object.name]),
    [['SEGMENT_UNMAPPED', 'lost']],
  )
  await place.command('delete', 'segment', 'lost')
})

test('lint ends with 1 and names code, object, consequence and fix; describe says the same of one object', async () => {
  const slip = file('slip.yaml', 'kind: internet-rule\nname: slip\ndomains: [wiki.example]\n')
  assert.match(await place.command('apply', '-f', slip), /NAME_IN_TWO_LANES internet rule slip/)
  const all = await run('lint')
  assert.equal(all.code, 1)
  assert.match(all.stdout, /NAME_IN_TWO_LANES internet rule slip: segment \S+ also claims wiki\.example/)
  assert.match(
    all.stdout,
    /NO_HEALTHY_CONNECTOR connector group here: no enabled connector is enrolled in it/,
  )
  assert.match(
    await place.command('describe', 'internet-rule', 'slip'),
    /NAME_IN_TWO_LANES .*\n +so .*private/,
  )
  await place.command('delete', 'internet-rule', 'slip')
})

test('with two connectors enrolled nothing is left to say, and lint ends with 0', async () => {
  for (const one of [await place.addConnector(), await place.addConnector()]) {
    const child = place.startConnector(one)
    await place.until(child, () => place.logged(child, 'connector.healthy').length > 0, 'get healthy')
  }
  const { findings } = JSON.parse((await run('--json', 'lint')).stdout) as LintReply
  assert.deepEqual(findings, [])
  const { code, stdout } = await run('lint')
  assert.match(stdout, /^No findings in \d+ objects\.$/m)
  assert.equal(code, 0)

  const [{ name }] = JSON.parse(await place.command('--json', 'get', 'connectors')) as [{ name: string }]
  const gone = await run('delete', 'connector', name)
  assert.match(gone.stderr, /GROUP_SINGLE_MEMBER connector group here: \S+ is its only enabled connector/)
})
