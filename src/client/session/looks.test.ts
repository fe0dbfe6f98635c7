import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { destination } from '../address/destination.ts'
import { Looks } from './looks.ts'

const WIKI = destination('wiki.example', 443, 'tcp')
const NARROW = { code: 'PATH_MTU', hop: 'application', detail: 'large packets are lost' } as const

test('what a look saw is said for two minutes, or until a look sees nothing; who only waits asks once a minute', async () => {
  let us = 5e9
  let asked = 0
  let fault: typeof NARROW | undefined = NARROW
  const looks = new Looks({
    clock: { monotonicUs: () => us },
    log: silentLog,
    control: async () => ({
      async request(message) {
        asked++
        return { type: 'looked', id: message.id, well: fault === undefined, ...(fault && { found: fault }) }
      },
    }),
  })
  const codes = () => looks.notes.map(({ code, seen }) => `${code} ${seen.host}:${seen.port}`)
  await looks.waits(WIKI)
  await looks.waits(WIKI)
  assert.equal(asked, 1, 'whoever waits at once waits for one reason')
  assert.deepEqual(codes(), ['PATH_MTU wiki.example:443'])
  us += 119e6
  assert.equal(codes().length, 1)
  us += 2e6
  assert.deepEqual(codes(), [])
  await looks.waits(WIKI)
  assert.equal(codes().length, 1)
  fault = undefined
  assert.deepEqual(await looks.look(WIKI, AbortSignal.timeout(5000)), { well: true })
  assert.deepEqual(codes(), [])
})
