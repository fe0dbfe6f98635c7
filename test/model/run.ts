/** Runs a sequence of changes, and says at which of them the sessions that live are not those that may. */
import type { Change } from './change.ts'
import { Oracle } from './oracle.ts'
import { World } from './world.ts'

export interface Wrong {
  /** Index of the change after which it was seen. */
  readonly at: number
  readonly what: string
}

/** What there was to get wrong. */
export interface Tally {
  changes: number
  asked: number
  opened: number
  cut: number
  stood: number
}

export async function run(
  changes: readonly Change[],
  tally: Tally = { changes: 0, asked: 0, opened: 0, cut: 0, stood: 0 },
  atEnd: (world: World) => void = () => {},
): Promise<Wrong | undefined> {
  await using world = await World.open()
  let oracle: Oracle | undefined
  for (const [at, change] of changes.entries()) {
    const before = change.do === 'together' ? (oracle ?? (await read(world))) : undefined
    await world.happens(change)
    if (change.do === 'ask') {
      oracle ??= await read(world)
      const what = wrongAnswer(world, oracle, change, tally)
      if (what !== undefined) return { at, what }
      continue
    }
    await world.settle()
    oracle = await read(world)
    const what = wrongSession(world, oracle, tally, before)
    if (what !== undefined) return { at, what }
    tally.changes++
  }
  atEnd(world)
  return undefined
}

function read({ parts, clock }: World): Promise<Oracle> {
  return Oracle.read(parts.store, clock.nowMs())
}

/** The one who is asked is as good as the one who looks again. */
function wrongAnswer(
  world: World,
  oracle: Oracle,
  { device, process, to }: Extract<Change, { do: 'ask' }>,
  tally: Tally,
): string | undefined {
  const { outcome, clients, connectors } = world
  const peer = clients.get(`${device} ${process}`)?.peer
  if (peer === undefined || outcome === undefined) return undefined
  tally.asked++
  const asked = { device: peer.identity.id, to }
  const about = `${toldTo(to)} of ${device}`
  const isUp = (id: string) => [...connectors.values()].some((one) => one.id === id && one.isConnected)
  if (outcome.is === 'opened') {
    tally.opened++
    const refusal = oracle.refusal({ ...asked, connector: outcome.connector })
    // With a grant that it has, a client gets through to a connector that nobody could tell.
    return refusal && isUp(outcome.connector) ? `opened, and denied (${refusal}): ${about}` : undefined
  }
  const serving = [...connectors.values()].find(
    ({ id, isConnected }) => isConnected && oracle.refusal({ ...asked, connector: id }) === undefined,
  )
  if (serving === undefined) return undefined
  if (outcome.is === 'lost')
    return outcome.why === 'ADDRESS_FORBIDDEN' ? undefined : `${outcome.why}: ${about}`
  return `${JSON.stringify(outcome.answer)}, and allowed: ${about} through ${serving.id}`
}

/** @param before As it was, where some of the sessions may have been asked for before the change and some behind it. */
function wrongSession(world: World, oracle: Oracle, tally: Tally, before = oracle): string | undefined {
  for (const connector of world.connectors.values()) {
    for (const session of connector.takeCut()) {
      tally.cut++
      const refusal = [before, oracle]
        .map((one) => one.refusal({ ...session, connector: connector.id }))
        .find(Boolean)
      if (refusal === undefined && !session.wasDenied) return `cut, and allowed: ${told(session)}`
    }
    for (const session of connector.sessions) {
      const refusal = oracle.refusal({ ...session, connector: connector.id })
      if (refusal === undefined) {
        tally.stood++
        continue
      }
      if (connector.isConnected) return `stands, and is denied (${refusal}): ${told(session)}`
      session.wasDenied = true
    }
  }
  return undefined
}

function toldTo({ host, port, protocol }: World['sessions'][number]['to']): string {
  return `${protocol} ${host}:${port}`
}

function told({ to, granted, device, connector }: World['sessions'][number]): string {
  return `${toldTo(to)} of ${device} through ${connector.id}, of segment ${granted.segmentName}`
}
