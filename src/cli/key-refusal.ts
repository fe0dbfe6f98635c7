import { resourceText } from './describe.ts'
import type { ResourceRow } from './resource-row.ts'
import { inLine, style } from './terminal.ts'

/** `KEY_EXHAUSTED 3 times, last at 2026-… from 192.0.2.7 (web-7)`; nothing where nobody was refused. */
export function keyRefusalText({ refused }: ResourceRow): string | undefined {
  if (refused === undefined) return undefined
  const { code, times, at, address, host } = refused
  return `${code} ${times === 1 ? 'once' : `${times} times, last`} at ${at} from ${address} (${inLine(host)})`
}

/** A provisioning key with who came in vain first. */
export function keyText(key: ResourceRow): string {
  const { refused, ...fields } = key
  const text = keyRefusalText(key)
  const first = text === undefined ? [] : [style('yellow', `refused ${text}`)]
  return [...first, resourceText(fields)].join('\n')
}

/** What refused a machine within this is worth a word to whoever asks how things are. */
const RECENT_MS = 60 * 60_000

/** One line for each key that turned a machine away not long ago. */
export function recentRefusals(keys: readonly ResourceRow[], nowMs: number): string[] {
  return keys.flatMap((key) => {
    const text = keyRefusalText(key)
    if (text === undefined || nowMs - Date.parse(key.refused.at) > RECENT_MS) return []
    const more = `see: backstitch describe key ${key.name}`
    return [`degraded: key ${key.name} refused a machine: ${text}; ${more}`]
  })
}
