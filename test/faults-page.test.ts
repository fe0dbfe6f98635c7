import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { exampleFile } from '../lab/example.ts'
import { nameOf } from '../lab/scenario.ts'
import { choose } from '../lab/scenarios/all.ts'
import { FAULT_URN, problem } from '../src/api/problem.ts'
import { FAULTS, Fault, type FaultCode, HOPS } from '../src/base/faults.ts'
import { explanation } from '../src/cli/explain.ts'
import { problemOf } from '../src/control/rest/problem.ts'

/**
 * docs/faults.md: each section is written from the table, the lab and its examples, around words for people that are
 * written by hand between two marks and kept when the rest is written anew.
 */
const DOCUMENT = path.resolve(import.meta.dirname, '../docs/faults.md')
/** What people saw in the lab, by variant. */
const EXAMPLES = path.resolve(import.meta.dirname, '../docs/examples')
const CODES = Object.keys(FAULTS) as FaultCode[]
const BEGIN = '<!-- faults: begin -->\n'
const END = '<!-- faults: end -->\n'
const WORDS_END = '<!-- end of words -->'
const wordsBegin = (code: string) => `<!-- words of ${code} -->`

const page = readFileSync(DOCUMENT, 'utf8')

function wordsOf(code: FaultCode): string {
  const from = page.indexOf(wordsBegin(code))
  if (from === -1) return ''
  return page.slice(from + wordsBegin(code).length, page.indexOf(WORDS_END, from)).trim()
}

/** Out of the variants of the lab that end in this code: what a person saw of the first that is kept. */
function exampleOf(code: FaultCode): string[] {
  const kept = choose()
    .filter(({ variant }) => variant.code === code)
    .map(({ scenario, variant }) => nameOf(scenario, variant))
    .find((name) => existsSync(path.join(EXAMPLES, exampleFile(name))))
  if (kept === undefined) return []
  const text = readFileSync(path.join(EXAMPLES, exampleFile(kept)), 'utf8').trimEnd()
  return [`Seen in the lab, ${kept}:\n`, `\`\`\`console\n${text}\n\`\`\`\n`]
}

function section(code: FaultCode): string {
  const { hop, retry, title, evidence, cause, fix, verify, dependsOn, ...row } = FAULTS[code]
  const commands = choose()
    .filter(({ variant }) => variant.code === code)
    .map(({ scenario, variant }) => `\`sudo backstitch lab run ${nameOf(scenario, variant)}\``)
  return [
    `### ${code}\n`,
    `${title}.\n`,
    `${wordsBegin(code)}\n${wordsOf(code)}\n${WORDS_END}\n`,
    `- Hop: ${hop}`,
    ...('scenario' in row ? [`- Scenario: ${row.scenario}`] : []),
    `- Evidence: ${evidence}`,
    `- Why: ${cause}`,
    `- Fix: ${fix}`,
    `- Verify: ${verify}`,
    ...('visibleAfterMs' in row ? [`- Shown once it has lasted ${row.visibleAfterMs / 1000} s`] : []),
    `- Trying again can help: ${retry ? 'yes' : 'no'}`,
    ...(dependsOn.length > 0 ? [`- Hidden behind: ${dependsOn.join(', ')}`] : []),
    ...(commands.length > 0 ? [`- In the lab: ${commands.join(', ')}`] : []),
    '',
    ...exampleOf(code),
  ].join('\n')
}

function wanted(): string {
  return HOPS.map((hop) => {
    const codes = CODES.filter((code) => FAULTS[code].hop === hop)
    return `## ${hop}\n\n${codes.map(section).join('\n')}`
  }).join('\n')
}

test('docs/faults.md says what table and lab say: BACKSTITCH_UPDATE_DOCS=1 with this test writes it', () => {
  const from = page.indexOf(BEGIN) + BEGIN.length
  const to = page.indexOf(END)
  assert.ok(from >= BEGIN.length && to > from, 'the marks are there')
  if (process.env.BACKSTITCH_UPDATE_DOCS === '1') {
    writeFileSync(DOCUMENT, `${page.slice(0, from)}\n${wanted()}\n${page.slice(to)}`)
    return
  }
  assert.equal(page.slice(from, to).trim(), wanted().trim())
})

test('every example is of a variant, and names its code: lab run --all --examples docs/examples writes them', () => {
  const codes = new Map(
    choose().map(({ scenario, variant }) => [exampleFile(nameOf(scenario, variant)), variant.code]),
  )
  for (const file of readdirSync(EXAMPLES)) {
    const code = codes.get(file)
    assert.ok(code !== undefined, `${file} is of no variant`)
    assert.ok(readFileSync(path.join(EXAMPLES, file), 'utf8').includes(code), `${file} does not name ${code}`)
  }
})

for (const code of CODES) {
  test(`${code}: page, API and command line say the same`, () => {
    const row = FAULTS[code]
    assert.match(wordsOf(code), /\S{3}/, `say in docs/faults.md what the person on call sees of ${code}`)
    const told = explanation(code)
    const texts = [code, row.title, row.hop, row.evidence, row.cause, row.fix, row.verify, ...row.dependsOn]
    for (const text of texts) assert.ok(told.includes(text), `backstitch explain ${code} lacks: ${text}`)
    const body = problem.parse(problemOf(new Fault(code, 'x'), 'req_1'))
    assert.equal(body.type, FAULT_URN + code)
    const { title, cause, fix, verify } = body
    assert.deepEqual({ title, cause, fix, verify }, pick(row))
  })
}

function pick({ title, cause, fix, verify }: (typeof FAULTS)[FaultCode]) {
  return { title, cause, fix, verify }
}
