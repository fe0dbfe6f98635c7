import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeclaredDocument } from '../../api/documents.ts'
import { OBJECT_KINDS, type ObjectKind } from '../../api/kinds.ts'
import { atOnce } from '../../base/slices.ts'
import { type ApplyStep, type PlanInput, type Present, plan as planSteps } from './plan.ts'

const plan = (input: PlanInput): ApplyStep[] => atOnce(planSteps(input))

const declared = (kind: ObjectKind, name: string, fields: object = {}): DeclaredDocument => ({
  kind,
  name,
  spec: OBJECT_KINDS[kind].spec.parse(fields) as Record<string, unknown>,
})
const present = (kind: ObjectKind, name: string, fields: object = {}): Present => ({
  kind,
  id: `${OBJECT_KINDS[kind].prefix}_${name}`,
  name,
  spec: OBJECT_KINDS[kind].spec.parse(fields),
})
const said = (steps: readonly ApplyStep[]) => steps.map((step) => `${step.action} ${step.kind} ${step.name}`)

test('what is referred to comes first, in whatever order it is declared', () => {
  const steps = plan({
    declared: [
      declared('access-rule', 'r', { order: 1, action: 'allow', conditions: { segments: ['wiki'] } }),
      declared('segment', 'wiki', { domains: ['wiki.example'], tcp: ['443'], serverGroups: ['web'] }),
      declared('server-group', 'web', { connectorGroups: ['dc1'] }),
      declared('connector-group', 'dc1'),
    ],
    present: [],
    prune: false,
  })
  assert.deepEqual(said(steps), [
    'create connector-group dc1',
    'create server-group web',
    'create segment wiki',
    'create access-rule r',
  ])
})

test('names in the file equal ids in the store', () => {
  const steps = plan({
    declared: [
      declared('connector-group', 'dc1'),
      declared('server-group', 'web', { connectorGroups: ['dc1'] }),
    ],
    present: [
      present('connector-group', 'dc1'),
      present('server-group', 'web', { connectorGroups: ['grp_dc1'] }),
    ],
    prune: false,
  })
  assert.deepEqual(said(steps), ['unchanged connector-group dc1', 'unchanged server-group web'])
})

test('an update names each field that differs, with names for references', () => {
  const [step] = plan({
    declared: [declared('server-group', 'web', { connectorGroups: ['dc2'], description: 'new' })],
    present: [
      present('connector-group', 'dc1'),
      present('connector-group', 'dc2'),
      present('server-group', 'web', { connectorGroups: ['grp_dc1'] }),
    ],
    prune: false,
  })
  assert.equal(step!.action, 'update')
  assert.deepEqual(step!.changes, [
    { path: '/description', from: '', to: 'new' },
    { path: '/connectorGroups', from: ['dc1'], to: ['dc2'] },
  ])
})

test('prune deletes only kinds that are declared, users of a thing before the thing', () => {
  const before = [
    present('connector-group', 'old'),
    present('server-group', 'old', { connectorGroups: ['grp_old'] }),
    present('edge', 'edge1', { host: 'edge.example', port: 443 }),
  ]
  const now = [declared('connector-group', 'dc1'), declared('server-group', 'web')]
  assert.deepEqual(said(plan({ declared: now, present: before, prune: false })), [
    'create connector-group dc1',
    'create server-group web',
  ])
  assert.deepEqual(said(plan({ declared: now, present: before, prune: true })), [
    'create connector-group dc1',
    'create server-group web',
    'delete server-group old',
    'delete connector-group old',
  ])
})

test('the edge of the server itself is not pruned where a file does not name it', () => {
  const edge = { host: 'edge.example', port: 443 }
  const before = [present('edge', 'embedded', edge), present('edge', 'old', edge)]
  assert.deepEqual(said(plan({ declared: [declared('edge', 'fra', edge)], present: before, prune: true })), [
    'create edge fra',
    'delete edge old',
  ])
})

test('a password shows as changed, never as itself', () => {
  const user = { ...declared('user', 'alice'), password: 'correct horse' }
  const input = { declared: [user], present: [present('user', 'alice')], prune: false }
  assert.equal(plan(input)[0]!.action, 'unchanged')
  const [step] = plan({ ...input, newPasswords: new Set([0]) })
  assert.deepEqual(step!.changes, [{ path: '/password', to: '(hidden)' }])
})
