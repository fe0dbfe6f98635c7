import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { readConfig, readConfigOr } from './config.ts'
import { parseConfig } from './config-text.ts'
import { Fault } from './faults.ts'

const schema = z.strictObject({
  keyFile: z.string().default('/etc/key'),
  edge: z.strictObject({ host: z.string(), port: z.number().int().max(65_535).default(443) }).optional(),
  segments: z.array(z.strictObject({ name: z.string(), tcp: z.array(z.number()).default([]) })).default([]),
})

const BAD: { name: string; text: string; says: RegExp }[] = [
  {
    name: 'unknown key, near a known one',
    text: 'keyfil: /x\n',
    says: /^f\.yaml:1:1: unknown key "keyfil"; did you mean "keyFile"\?$/,
  },
  {
    name: 'snake case of a known key',
    text: '\nkey_file: /x\n',
    says: /^f\.yaml:2:1: .*did you mean "keyFile"\?$/,
  },
  {
    name: 'unknown key near nothing lists what is known',
    text: 'zzz: 1\n',
    says: /^f\.yaml:1:1: unknown key "zzz"; known are keyFile, edge, segments$/,
  },
  {
    name: 'unknown key inside, at its own place',
    text: 'edge:\n  host: a\n  prot: 1\n',
    says: /^f\.yaml:3:3: unknown key "edge\.prot"; did you mean "port"\?$/,
  },
  {
    name: 'wrong type names expected and received',
    text: 'edge:\n  host: a\n  port: "x"\n',
    says: /^f\.yaml:3:3: edge\.port: .*number.*string/,
  },
  {
    name: 'missing key points at its parent',
    text: 'edge:\n  port: 1\n',
    says: /^f\.yaml:1:1: edge\.host: /,
  },
  {
    name: 'item of a list',
    text: 'segments:\n  - name: a\n  - name: b\n    tcp: [1, two]\n',
    says: /^f\.yaml:4:14: segments\.1\.tcp\.1: /,
  },
  { name: 'not YAML', text: 'edge: [1\nx: y', says: /^f\.yaml:\d+:\d+: / },
  {
    name: 'the same key twice',
    text: 'keyFile: a\nkeyFile: b\n',
    says: /^f\.yaml:2:1: Map keys must be unique/,
  },
  { name: 'not a map', text: '- a\n', says: /^f\.yaml:1:1: .*object/ },
  {
    name: 'too large',
    text: `#${'x'.repeat(1_048_577)}`,
    says: /^f\.yaml:1:1: expected at most 1048576 bytes$/,
  },
]

for (const { name, text, says } of BAD) {
  test(`parseConfig refuses: ${name}`, () => {
    assert.throws(
      () => parseConfig(text, { schema, file: 'f.yaml', hop: 'connector' }),
      (error: unknown) => {
        assert.ok(error instanceof Fault)
        assert.equal(error.code, 'INVALID')
        assert.equal(error.hop, 'connector')
        assert.match(error.detail, says)
        return true
      },
    )
  })
}

test('parseConfig tells every problem, not only the first', () => {
  try {
    parseConfig('a: 1\nb: 2\nedge: {host: 3}\n', { schema, file: 'f.yaml' })
    assert.fail('accepted')
  } catch (error) {
    assert.equal(((error as Fault).seen.problems as string[]).length, 3)
  }
})

test('parseConfig: an empty text is all defaults', () => {
  assert.deepEqual(parseConfig('# nothing\n', { schema, file: 'f' }), { keyFile: '/etc/key', segments: [] })
})

test('parseConfig: any text is a value or a Fault INVALID, never another error', () => {
  const piece = fc.constantFrom(
    'a',
    ': ',
    '\n',
    '  ',
    '- ',
    '[',
    '{',
    '&x ',
    '*x',
    '"',
    '!!js ',
    '\u0000',
    '|',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          parseConfig(text, { schema, file: 'f' })
        } catch (error) {
          assert.ok(error instanceof Fault && error.code === 'INVALID', String(error))
          assert.match(error.detail, /^f:\d+:\d+: /)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('readConfig: an absent file is undefined, an unreadable one is a Fault with errno and uid', async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-config-'))
  t.after(() => rm(dir, { recursive: true }))
  assert.equal(await readConfig(path.join(dir, 'none.yaml'), { schema }), undefined)
  await assert.rejects(readConfig(dir, { schema }), (error: Fault) => {
    assert.equal(error.code, 'INVALID')
    assert.equal(error.seen.errno, 'EISDIR')
    return true
  })
  const usual = path.join(dir, 'usual.yaml')
  for (const none of [undefined, usual]) assert.ok(await readConfigOr(none, usual, { schema }))
  await assert.rejects(
    readConfigOr(path.join(dir, 'usaul.yaml'), usual, { schema }),
    /usaul.yaml does not exist/,
  )
  const file = path.join(dir, 'ok.yaml')
  await writeFile(file, 'edge: {host: edge.example}\n')
  await chmod(file, 0o644)
  assert.deepEqual((await readConfig(file, { schema }))?.edge, { host: 'edge.example', port: 443 })
})
