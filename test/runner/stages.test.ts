import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allTestFiles, filesOf, type Part, STAGES } from './stages.ts'

const filesOfPart = (part: Part) => STAGES.filter((stage) => stage.part === part).flatMap(filesOf)

test('`npm test` and `npm run test:rest` run every test file there is, and none twice', () => {
  const both = [...filesOfPart('test'), ...filesOfPart('rest')]
  assert.deepEqual(both.toSorted(), allTestFiles())
})

test('each stage finds something', () => {
  for (const stage of STAGES) assert.ok(filesOf(stage).length > 0, `${stage.name} of ${stage.part}`)
})
