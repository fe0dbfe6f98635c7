import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { ClientStatus } from '../client/status.ts'
import type { FaultMessage } from '../wire/control.ts'
import { clientStatusText } from './client-status.ts'

const QUIET = {
  ...{ role: 'client', version: '1', state: 'connected', pid: 1, startedAt: '', edges: [], grants: [] },
  ...{ notes: [], proxySockets: [], localUsers: { may: 'ada', refused: 0 }, forwards: [], tunnels: [] },
  ...{ sessions: { open: 0, total: 3, failed: 0, bytesUp: 54, bytesDown: 0 }, decisions: [] },
  ...{ sessionReportsWaiting: 0, sessionReportsShed: 0, user: 'ada' },
} as unknown as ClientStatus

test('a refusal that names no destination leads to what its code means, and not to where it stands', () => {
  const refused = {
    ...{ at: '2026-11-30T05:00:00.000Z', destination: '?', outcome: 'refused', code: 'BAD_DESTINATION' },
    ...{ hop: 'client', because: 'no port', times: 1, fix: 'name one', more: 'backstitch client status' },
  }
  const said = { ...QUIET, decisions: [refused] } as unknown as ClientStatus
  assert.match(
    stripVTControlCharacters(clientStatusText(said)),
    /^ {2}more {2}backstitch explain BAD_DESTINATION$/m,
  )
})

test('of an application that is silent it says what was seen, whom to tell, and what an admin asks', () => {
  const note: FaultMessage = {
    code: 'APP_SILENT',
    hop: 'application',
    detail: 'hr.example:80: silent since noon',
    seen: {
      ...{ saw: ['the last sent 18 B and gave up after 5 s'], fix: ['tell whoever runs hr.example:80'] },
      ...{ more: 'backstitch doctor client --app hr.example:80', host: 'hr.example', port: 80 },
    },
  }
  const lines = stripVTControlCharacters(clientStatusText({ ...QUIET, notes: [note] })).split('\n')
  const at = lines.indexOf('application APP_SILENT: hr.example:80: silent since noon')
  assert.deepEqual(lines.slice(at + 1, at + 5), [
    '  saw   the last sent 18 B and gave up after 5 s',
    '  fix   tell whoever runs hr.example:80',
    '  fix   an admin asks: backstitch trace ada hr.example:80',
    '  more  backstitch doctor client --app hr.example:80',
  ])
})
