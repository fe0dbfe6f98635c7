import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { RestFixture } from '../control/rest/fixture.ts'
import { openContext } from './context.fixture.ts'

const PROGRAM = path.resolve(import.meta.dirname, '../../bin/backstitch')

test('bash completes commands, kinds, and the names that there are', async () => {
  await using rest = await RestFixture.open()
  await using context = await openContext(rest)
  for (const name of ['wiki', 'wizard', 'mail'])
    await rest.ask('POST', '/api/v1/segments', { body: { name, domains: [`${name}.example`], tcp: ['443'] } })
  const complete = async (...words: string[]) => {
    const line = [PROGRAM, ...words].map((word) => `'${word}'`).join(' ')
    const lines = [
      'source <("$0" completion bash)',
      `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _backstitch; echo "\${COMPREPLY[@]}"`,
    ]
    const env = { ...process.env, BACKSTITCH_CONTEXT: context.file }
    const { stdout } = await promisify(execFile)('bash', ['-c', lines.join('\n'), PROGRAM], { env })
    return stdout.trim().split(' ')
  }
  assert.deepEqual(await complete('lin'), ['lint'])
  assert.deepEqual(await complete('describe', 'segm'), ['segment-groups', 'segments'])
  assert.deepEqual((await complete('describe', 'segment', 'wi')).sort(), ['wiki', 'wizard'])
  assert.deepEqual(await complete('delete', 'segments', 'm'), ['mail'])
  assert.deepEqual(await complete('get', 'nonsense', 'm'), [''])
  assert.ok(!(await complete('')).includes('__names'))
})
