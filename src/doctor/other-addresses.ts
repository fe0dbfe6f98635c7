import { EdgeCache } from '../agent/edges/edge-cache.ts'
import { rfc3339 } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { StateDir } from '../base/state-dir.ts'
import type { NameFacts } from '../probe/names.ts'
import type { DaemonFacts } from './facts.ts'
import type { Patient } from './patient.ts'

const MAX_OTHERS = 3

/** An address of another source than the one that programs of this machine go by. */
export interface OtherAddress {
  readonly address: string
  readonly source: string
}

/** Where the edge last proved itself to this agent, by its own record. */
export async function addressesBefore({ stateDir, edge }: Patient): Promise<OtherAddress[]> {
  const cache = await EdgeCache.open(StateDir.at(stateDir), silentLog)
  const known = cache.edges.find(({ host }) => host === edge?.host)
  const worked = known && cache.lastWorked(known.id)
  if (worked === undefined) return []
  return [{ address: worked.address, source: `the edge was reached there, first at ${rfc3339(worked.atMs)}` }]
}

/** What the name leads to by another source than the one that programs get. */
export function othersOf(name: NameFacts | undefined, before: readonly OtherAddress[]): OtherAddress[] {
  const told = (name?.servers ?? []).flatMap(({ server, addresses }) =>
    addresses.map((address) => ({ address, source: `the resolver ${server} returns it` })),
  )
  const all = [...before, ...told].filter(({ address }) => !name?.addresses.includes(address))
  return [...new Map(all.map((one) => [one.address, one])).values()].slice(0, MAX_OTHERS)
}

/** Where the daemon reached the application before its name led elsewhere. */
export function appAddressesBefore(host: string, daemon: DaemonFacts | undefined): OtherAddress[] {
  return (daemon?.notes ?? []).flatMap(({ code, seen }) => {
    if (code !== 'APP_NAME_WRONG_VIEW' || seen?.name !== host || seen.before === undefined) return []
    return [{ address: seen.before, source: `it was reached there until ${seen.until}` }]
  })
}
