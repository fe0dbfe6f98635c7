import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutPaint } from '../base/paint.ts'
import { cellsOf, HEADS } from './columns.ts'
import { connectorText } from './describe-connector.ts'
import { deviceText } from './describe-device.ts'
import type { ResourceRow } from './resource-row.ts'

const because = (row: ResourceRow) => cellsOf('connector', row)[HEADS.connector.indexOf('BECAUSE')]
const NO_EDGES = { edges: [] }

test('a list of connectors says why one is away, and how far a clock is off', () => {
  const away = {
    code: 'CONNECTOR_DISCONNECTED',
    because: 'closed without a goodbye 2026-01-02T11:50:00.000Z',
  }
  assert.equal(
    because({ name: 'a', state: 'disconnected', away }),
    'CONNECTOR_DISCONNECTED: closed without a goodbye 2026-01-02T11:50:00.000Z',
  )
  const failing = [{ host: 'wiki', port: 443, code: 'APP_REFUSED' }]
  assert.equal(
    because({ name: 'a', state: 'degraded', live: { clockSkewMs: -312_000, failing } }),
    'CLOCK_SKEW: 312 s slow against the server; wiki:443 APP_REFUSED',
  )
  assert.equal(because({ name: 'a', state: 'healthy', live: { clockSkewMs: 59_000 } }), '-')
})

test('describe says of a clock what the list says', () => {
  const connector = connectorText({ name: 'a', live: { ...NO_EDGES, clockSkewMs: 7_200_000 }, outages: [] })
  assert.match(
    withoutPaint(connector),
    /^connector CLOCK_SKEW: its clock is 2 hours fast against the server$/m,
  )
  const ways = [-300_000, 1000].map((clockSkewMs) => ({ host: 'h', address: 'a', program: 'p', clockSkewMs }))
  const device = deviceText({ name: 'd', connections: ways, outages: [] })
  assert.match(withoutPaint(device), /^client CLOCK_SKEW: its clock is 300 s slow against the server$/m)
})
