/**
 * Closes the books on sessions both ends of which are gone without a word: killed, or with a machine that is no more. An
 * end that still is there tells by itself how the session ends.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { nextTurn } from '../../base/slices.ts'
import type { KnownSession } from '../../store/session-record.ts'
import type { Store } from '../../store/store.ts'
import type { AgentProcesses } from './agent-processes.ts'

export interface VanishedDeps {
  readonly store: Pick<Store, 'sessions'>
  readonly presence: { readonly runs: AgentProcesses }
  readonly clock: Clock
  readonly log: Log
}

/** As many are looked at in one step. */
const STEP = 250
/** In one look: of half a million that are open each is looked at every half hour, and the rest of the time is others'. */
const LOOKED_AT = 10_000

/** @returns a look, to be taken now and then: each goes on where the one before ended. */
export function vanishedLooks(deps: VanishedDeps): () => Promise<void> {
  const { presence, log } = deps
  let after = ''
  /** Never rejects: what cannot be done now is done by the next one. */
  return async () => {
    try {
      const looked = await look(deps, after)
      after = looked.after
      if (looked.closed > 0) {
        const about = { event: 'session.vanished', count: looked.closed }
        log.warn(about, `${looked.closed} sessions have lost both ends`)
      }
    } catch (error) {
      log.error({ event: 'session.look-failed', err: error }, 'open sessions could not be checked')
    }
    presence.runs.sweep()
  }
}

/** @returns how many were closed, and behind which one to go on; at the end the first is next. */
async function look(
  { store: { sessions }, presence, clock }: VanishedDeps,
  from: string,
): Promise<{ closed: number; after: string }> {
  let closed = 0
  let after = from
  for (let looked = 0; looked < LOOKED_AT; looked += STEP) {
    const open = await sessions.open(STEP, after)
    const gone = open.flatMap((known) => {
      const vanished = whoVanished(known, presence.runs, clock.nowMs())
      return vanished === undefined ? [] : [{ ...known, vanished }]
    })
    if (gone.length > 0) closed += await sessions.vanished(gone)
    const last = open.at(-1)
    if (last === undefined || open.length < STEP) return { closed, after: '' }
    after = last.id
    await nextTurn()
  }
  return { closed, after }
}

/** Who held the session and is gone, if nobody holds it any more. */
export function whoVanished(
  { facts, client, connector }: KnownSession,
  runs: Pick<AgentProcesses, 'goneForMs'>,
  nowMs: number,
): KnownSession['vanished'] {
  const ends = [
    { hop: 'client' as const, side: client, agent: facts.device },
    { hop: 'connector' as const, side: connector, agent: facts.connector },
  ].filter(({ side }) => side !== undefined)
  const said: string[] = []
  for (const { hop, side, agent } of ends) {
    const awayMs = runs.goneForMs(agent ?? '', side?.run)
    if (awayMs === undefined) return undefined
    said.push(`${hop} ${agent} has been away for ${Math.round(awayMs / 1000)} s`)
  }
  return { atMs: nowMs, hop: ends.at(-1)!.hop, detail: `${said.join(', ')}, and did not resume it` }
}
