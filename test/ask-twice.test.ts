/** Examinations that meet each other, and a connector that goes away in the middle of one. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { Diagnoses } from '../src/control/presence/diagnoses.ts'
import { ConnectorProcess } from './connector-process.ts'
import { openSite } from './site.ts'

test('a connector is examined once at a time; one that dies meanwhile ends the wait at once', async () => {
  await using site = await openSite()
  await using connector = new ConnectorProcess({
    stateDir: path.join(site.dir, 'connector'),
    keyFile: await site.keyFile(),
  })
  await connector.event('connector.healthy')
  const { id } = (await site.control.store.connectors.all())[0]!
  const connected = site.control.presence.connector(id)!
  // Beside those of the control plane, so that no answer ever comes here.
  const diagnoses = new Diagnoses()
  const { signal } = new AbortController()

  const gone = new AbortController()
  const left = diagnoses.ask(connected, undefined, { signal: gone.signal })
  await assert.rejects(diagnoses.ask(connected, undefined, { signal }), { code: 'CONFLICT' })
  gone.abort()
  await assert.rejects(left, { code: 'CONFLICT', detail: 'the requester of the examination has gone' })

  const waiting = diagnoses.ask(connected, undefined, { signal })
  connector.child.kill('SIGKILL')
  await assert.rejects(waiting, { code: 'CONNECTOR_DISCONNECTED' })
  await assert.rejects(diagnoses.ask(connected, undefined, { signal }), { code: 'CONNECTOR_DISCONNECTED' })
})
