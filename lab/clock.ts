/**
 * Another clock for connector-a.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Lab } from './lab.ts'
import { faketimeLibrary } from './requirements.ts'

/** Every program of the machine believes this clock; what counts time between events goes on as it was. */
export async function setClock(lab: Lab, offset: string): Promise<void> {
  const { a } = lab.connectors
  setOffset(lab, offset)
  a.machine.preload = [
    `LD_PRELOAD=${faketimeLibrary()}`,
    `FAKETIME_TIMESTAMP_FILE=${offsetFile(lab)}`,
    'FAKETIME_NO_CACHE=1',
    'FAKETIME_DONT_FAKE_MONOTONIC=1',
  ]
  await a.stop()
  a.start()
}

/** While it runs. */
export function setOffset(lab: Lab, offset: string): void {
  writeFileSync(offsetFile(lab), `${offset}\n`, { mode: 0o644 })
}

export async function endClock({ connectors: { a } }: Lab): Promise<void> {
  a.machine.preload = []
  await a.stop()
  a.start()
}

function offsetFile({ connectors: { a } }: Lab): string {
  return path.join(a.machine.dir, 'clock')
}
