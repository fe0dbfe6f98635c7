import { test } from 'node:test'
import { LAB_SKIP, runPart } from './run-part.ts'

test(
  'lab: every other fault is noticed by itself, named at its hop, cured by what the doctor prints',
  {
    skip: LAB_SKIP,
  },
  (t) => runPart(t, 'rest'),
)
