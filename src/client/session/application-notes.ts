/**
 * What is known of applications that can be connected to and are not as they should be: from the connectors, by way of
 * the control plane, and from the sessions of this device. Where both say something, the connectors know more.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import { wordsOf } from '../../base/fault-words.ts'
import { Fault } from '../../base/faults.ts'
import type { FaultMessage } from '../../wire/control.ts'
import { askAbout } from '../address/ask-about.ts'
import type { Destination } from '../address/destination.ts'
import type { CachedGrant } from './grant-cache.ts'
import type { Looks } from './looks.ts'
import type { SilentApps } from './silent-app.ts'

export interface Noted {
  readonly grants: Iterable<Pick<CachedGrant, 'granted' | 'to' | 'atMs'>>
  /** By the sessions of this device. */
  readonly silence?: Pick<SilentApps, 'notes'>
  /** What control saw when it looked from this device. */
  readonly looks?: Pick<Looks, 'notes'>
  readonly clock: Pick<Clock, 'nowMs'>
}

/** What was said with a grant is not said anew while it lasts: later than this it may be mended. */
const SAID_MS = 120_000

export function applicationNotes({ grants, silence, looks, clock }: Noted): Fault[] {
  const fromMs = clock.nowMs() - SAID_MS
  const told = [...grants].flatMap(({ granted, to, atMs }) =>
    atMs >= fromMs ? (granted.notes ?? []).map((note) => noteOf(note, to)) : [],
  )
  const all = told
  for (const one of [...(looks?.notes ?? []), ...(silence?.notes ?? [])])
    if (!all.some(({ seen }) => seen.host === one.seen.host && seen.port === one.seen.port)) all.push(one)
  return all
}

function noteOf({ code, hop, detail, seen }: FaultMessage, to: Destination): Fault {
  const { host, port } = to
  const { fix } = wordsOf({ code, seen: {} }, { APP: host, PORT: port })
  const saw = Array.isArray(seen?.saw) ? seen.saw : []
  return new Fault(code, detail, { hop, seen: { saw, fix: [fix], more: askAbout(to), host, port } })
}
