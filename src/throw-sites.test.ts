import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { FAULTS, type FaultCode, isFaultCode } from './base/faults.ts'

/**
 * Whatever a person can be shown has a code. What follows walks every place that throws: what is not a Fault must be
 * here, with the reason why nobody is shown it as it is.
 */
const OTHER_ERRORS: Readonly<Record<string, string>> = {
  'base/backoff.ts RangeError': 'asserts what callers pass',
  'cli/demo/bring-up.ts Error':
    'a part of the demo: brought to the person as DAEMON_DOWN with its last lines',
  'cli/demo/part.ts Error': 'as bring-up.ts',
  'cli/demo/ports.ts Error': 'as bring-up.ts',
  'cli/demo/proof.ts Error': 'as bring-up.ts',
  'cli/demo/until.ts Error': 'as bring-up.ts',
  'client/entry/http-answers.ts RangeError': 'caught in the same class: the answer is unclear',
  'client/entry/http-body.ts RangeError':
    'caught by whoever reads: of a request it is UnreadableRequest, of an answer unclear',
  'client/entry/http-connection.ts UnreadableRequest':
    'told to the program as LOCAL_REQUEST_REFUSED, in the same file',
  'client/entry/http-head-text.ts RangeError': 'as http-body.ts',
  'client/entry/http-head.ts UnreadableRequest':
    'told to the program as LOCAL_REQUEST_REFUSED by http-connection.ts',
  'connector/enrol/sealed-state.ts Error': 'caught two lines on and told as INVALID',
  'control/apply/execute.ts DryRun': 'rolls back a dry run; caught where it is begun',
  'link/pipe/socket-loan.ts Error': 'asserts what callers do',
  'mux/stream.ts RangeError': 'asserts what callers pass',
  'pki/csr.ts Error': 'caught in the same function and told as INVALID',
  'pki/identity.ts RangeError': 'asserts what callers pass',
  'pki/key-ring.ts RangeError': 'asserts what callers pass',
  'pki/provisioning-key.ts RangeError': 'asserts what callers pass',
  'pki/seal.ts RangeError': 'asserts what callers pass',
  'probe/default-route.ts NoDefaultRoute': 'caught by whoever asks: it is told as there being none',
  'probe/dns-message.ts RangeError': 'asserts what callers pass',
  'probe/get-addr-info.ts Error': 'Gathering turns it into "unknown", with this as the reason',
  'probe/machine.ts Error': 'the reason why a factor is absent',
  'probe/root-disk.ts Error': 'as machine.ts',
  'probe/unit.ts Error': 'caught by daemon-look.ts: why it is not known whether there is a unit',
  'store/insert-rows.ts TypeError': 'asserts what callers pass',
  'store/sqlite-driver.ts TypeError': 'asserts what callers do',
  'store/store.ts TypeError': 'asserts what callers do',
  'wire/open.ts RangeError': 'asserts what callers pass',
  'wire/relay.ts RangeError': 'asserts what callers pass',
}
/** Kinds of errors that are told to people by code, or by commander as wrong usage. */
const TOLD = /^(Fault|InvalidFault|FormFault|Refused|InvalidArgumentError|StreamEnded)$/

const ROOT = import.meta.dirname
const FILES = globSync('**/*.ts', { cwd: ROOT })
  .filter((name) => !/\.(test|fixture)\.ts$/.test(name))
  .sort()
  .map((name) => ({ name: name.split(path.sep).join('/'), text: withoutComments(path.join(ROOT, name)) }))
const ALL = FILES.map(({ text }) => text).join('\n')

function withoutComments(file: string): string {
  return readFileSync(file, 'utf8').replace(/^\s*(\/\*\*|\*|\/\/).*$/gm, '')
}

/** Is it declared there to give a Fault, or does it make one soon after its head? */
function makesFault(callee: string, text: string): boolean {
  const head = new RegExp(`(?:function|const|async|^ {2}) ?${callee}(?:<\\w+>)?(?:\\(| = )`, 'gm')
  return [...text.matchAll(head)].some(({ index }) =>
    /: (?:Promise<)?\w*Fault\b|new \w*Fault\(|\bfailure\(/.test(text.slice(index, index + 900)),
  )
}

for (const { name, text } of FILES) {
  const others = new Set<string>()
  for (const [, kind] of text.matchAll(/\bthrow new (\w+)/g))
    if (!TOLD.test(kind!)) others.add(`${name} ${kind}`)
  for (const [, code] of text.matchAll(/\bnew Fault\(\s*'([^']*)'/g)) {
    test(`${name}: ${code} is in the table`, () => assert.ok(isFaultCode(code!)))
  }
  for (const other of others) {
    test(`${other} is thrown for a reason`, () => assert.ok(other in OTHER_ERRORS, 'throw a Fault instead'))
  }
  for (const [, callee] of text.matchAll(/\bthrow (?:await )?(?:this\.)?(#?\w+)\(/g)) {
    test(`${name}: what ${callee} makes to be thrown is an error with a code`, () => {
      assert.ok(makesFault(callee!, text) || makesFault(callee!, ALL), `${callee} makes no Fault`)
    })
  }
}

test('every reason is still needed', () => {
  const thrown = new Set(
    FILES.flatMap(({ name, text }) =>
      [...text.matchAll(/\bthrow new (\w+)/g)].map(([, kind]) => `${name} ${kind}`),
    ),
  )
  assert.deepEqual(
    Object.keys(OTHER_ERRORS).filter((site) => !thrown.has(site)),
    [],
  )
})

/** Codes that nothing in src can bring about yet. */
const NOT_YET: Readonly<Partial<Record<FaultCode, string>>> = {}

for (const code of Object.keys(FAULTS) as FaultCode[]) {
  test(`${code} comes about somewhere`, () => {
    const outside = FILES.filter(({ name }) => !name.startsWith('base/fault-table/'))
    const used = outside.some(({ text }) => text.includes(`'${code}'`))
    assert.equal(
      used,
      NOT_YET[code] === undefined,
      used ? 'it does: take it off NOT_YET' : 'nothing names it',
    )
  })
}
