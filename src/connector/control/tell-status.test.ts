import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodedBytes, type FaultMessage, MAX_NOTE_CHARS, MAX_OWN_NOTES } from '../../wire/control.ts'
import { note } from '../../wire/notes.ts'
import { notesFor } from './tell-status.ts'

const about = (code: FaultMessage['code'], detail = 'x'): FaultMessage => ({
  ...{ code, hop: 'connector', detail },
  seen: { file: '/etc/backstitch/provision_key' },
})

test('control is told what a connector says of itself, and what is told in other fields or by reach is not said twice', () => {
  const told = notesFor([
    about('STOOD_STILL', 'this process was paused for 12.0 s'),
    about('CONNECTOR_OVERLOADED'),
    about('MEMORY_LEAK_SUSPECTED'),
    about('APP_SILENT'),
    about('LOOKUPS_BUSY'),
  ])
  assert.deepEqual(told, [
    { code: 'STOOD_STILL', hop: 'connector', detail: 'this process was paused for 12.0 s' },
    { code: 'LOOKUPS_BUSY', hop: 'connector', detail: 'x' },
  ])
})

test('however many there are and whatever a name in them is, it is what control takes', () => {
  const many = Array.from({ length: 100 }, () => about('APP_NAME_WRONG_VIEW', '\u0001'.repeat(5000)))
  const told = notesFor(many)
  assert.equal(told.length, MAX_OWN_NOTES)
  for (const one of told) {
    note.parse(one)
    assert.ok(encodedBytes(one.detail) <= MAX_NOTE_CHARS + 2)
  }
})
