/**
 * One trace, from the question to the verdict: what policy and selection say here, then a canary from the device of
 * the user; without the device, what is known and what the connector sees.
 *
 * @module
 */
import type { TraceInput, TraceReport } from '../../api/trace.ts'
import { rfc3339 } from '../../base/clock.ts'
import { skewText } from '../../base/clock-skew.ts'
import { asFault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { newId } from '../../base/ids.ts'
import {
  type DiagnosisFinding,
  MAX_TRACE_TEXT_CHARS,
  type TraceStep,
  type TraceWay,
} from '../../wire/control.ts'
import type { Permitted } from '../access/authorize.ts'
import type { GiveGrantDeps } from '../access/give-grant.ts'
import type { Diagnoses } from '../presence/diagnoses.ts'
import type { Edges } from '../presence/edges.ts'
import { lookFromConnector, refine } from './connector-look.ts'
import { type Decided, decideHere } from './decide-here.ts'
import { echoGrants } from './echo-grants.ts'
import { knownTroubles, type MemberWord, othersOut, stepFrom } from './known.ts'
import { namedFaults } from './names-in.ts'
import { findSubject, type Subject } from './subject.ts'
import type { Traces } from './traces.ts'
import { Trail } from './trail.ts'
import { verdictOf } from './verdict.ts'
import { withWhatWas } from './what-was.ts'
import { withWhoServed } from './who-served.ts'

/** Of a large group the first: whoever traces reads them. */
const MAX_WORDS = 32

export interface RunTraceDeps extends GiveGrantDeps {
  readonly edges: Edges
  readonly diagnoses: Diagnoses
  readonly traces: Traces
}

export interface TraceWatcher {
  /** A hop became certain. */
  readonly step: (step: TraceStep) => void
  readonly signal: AbortSignal
}

/** @throws {Fault} NOT_FOUND for the user or the device; CONFLICT if the device is traced already. */
export async function runTrace(
  deps: RunTraceDeps,
  input: TraceInput,
  { step, signal }: TraceWatcher,
): Promise<TraceReport> {
  const { clock, store, edges } = deps
  const [startedMs, startedUs] = [clock.nowMs(), clock.monotonicUs()]
  const id = newId('trc', startedMs)
  const subject = await findSubject(deps, input)
  const { user, device, online } = subject
  const trail = new Trail((one) => step(cut(one)))
  const policy = await deps.policy()
  const decided = decideHere(deps, policy, subject, input)
  let way: TraceWay | undefined
  let session: string | undefined
  let looked: DiagnosisFinding | undefined
  if (online === undefined) {
    trail.say(offline(subject, input))
    for (const one of decided.steps) trail.say(one)
    if (decided.chosen !== undefined && trail.failed === undefined) {
      looked = await lookFromConnector(deps, decided.chosen, input, { trail, policy, signal })
    }
  } else {
    const canary = decided.chosen && { echo: await echoesFor(deps, subject, decided) }
    const { host, port, protocol } = input
    const asked = deps.traces.ask(
      online,
      { type: 'trace', id, host, port, protocol, canary },
      {
        signal,
        // In the order of the path: the client speaks first, then policy and selection, then what the canary met.
        step(one) {
          trail.say(withNames(one, way, deps, { decided, online }))
          if (one.hop === 'client') for (const ours of decided.steps) trail.say(ours)
        },
        way(one) {
          way = one
        },
        session(one) {
          session = one
        },
      },
    )
    await asked.catch((error: unknown) => {
      const fault = asFault(error)
      if (fault.code !== 'CONTROL_UNREACHABLE') throw fault
      if (trail.get('client') === undefined)
        trail.say({ hop: 'client', verdict: 'unknown', text: fault.detail })
    })
    for (const one of decided.steps) trail.say(one)
    // The device says which connector it met: only one of this application is asked on its word.
    const through = decided.members.find((id) => id === way?.connector)
    looked = await refine(deps, through, input, { trail, policy, signal })
  }
  const met = decided.members.find((id) => id === (way?.connector ?? decided.chosen?.id))
  const words = wordsOf(deps, decided, input)
  const said = trail.failed === undefined && words.find(({ id }) => id === met)
  const more = said ? stepFrom(said, trail.all(''), clock.nowMs()) : undefined
  if (more !== undefined) trail.amend(more)
  const nameless = trail.failed
  if (nameless?.fault !== undefined) {
    const [named = nameless.fault] = await namedFaults(store, [nameless.fault])
    const { full } = await withWhoServed(deps, named)
    const fault = await withWhatWas(store, full, decided.host)
    trail.amend({
      ...nameless,
      fault,
      text: nameless.text === nameless.fault.detail ? fault.detail : nameless.text,
    })
  }
  const connector = way === undefined ? decided.chosen?.name : decided.nameOf(way.connector)
  const about = {
    segment: decided.permitted?.segment.name,
    ...{ user, connector, host: decided.host, port: input.port, protocol: input.protocol },
    from: online === undefined ? 'facts' : 'device',
    device: device && {
      ...{ id: device.id, name: device.name, online: online !== undefined },
      lastSeen: device.lastSeenMs === undefined ? undefined : rfc3339(device.lastSeenMs),
    },
  } as const
  const steps = trail
    .all(online === undefined ? 'only the device of the user can tell' : 'the device did not report it')
    .map(cut)
  return {
    id,
    at: rfc3339(startedMs),
    durationMs: Math.round((clock.monotonicUs() - startedUs) / 1000),
    ...about,
    ...verdictOf(steps, { ...about, othersOut: othersOut(words, met) }, looked),
    rule: decided.permitted?.rule.name,
    edge: way && edges.nameOf(way.edge),
    session,
    known: knownTroubles([...words, ...wordOfEdge(edges, way)], clock.nowMs()),
    steps,
  }
}

/** What every connector behind the segment has said of the application, and of itself. */
function wordsOf(
  { presence, clock }: RunTraceDeps,
  { host, members, nameOf }: Decided,
  { port, protocol }: TraceInput,
): MemberWord[] {
  const nowMs = clock.nowMs()
  return members.slice(0, MAX_WORDS).map((id) => {
    const { overload, leak, notes = [] } = presence.connector(id) ?? {}
    const told = presence.applications.about(id, { host, port, protocol }, nowMs)
    return {
      id,
      name: nameOf(id),
      told,
      notes: [overload, leak, ...notes].filter((note) => note !== undefined),
    }
  })
}

/** What the edge that the canary went by says of itself. */
function wordOfEdge(edges: Edges, way: TraceWay | undefined): MemberWord[] {
  if (way === undefined) return []
  return [{ id: way.edge, name: `edge ${edges.nameOf(way.edge)}`, notes: edges.notesOf(way.edge) }]
}

function echoesFor(deps: RunTraceDeps, { user, online }: Subject, decided: Decided) {
  const others = decided.members.filter((one) => one !== decided.chosen?.id)
  const connected = others.filter((one) => deps.presence.connector(one) !== undefined)
  return echoGrants(
    deps,
    online!,
    { user: user.id, userName: user.name, permitted: decided.permitted as Permitted },
    [decided.chosen!.id, ...connected],
  )
}

function offline({ user, device }: Subject, { host, port, protocol }: TraceInput): TraceStep {
  const to = `${hostPort({ host, port })}${protocol === 'udp' ? '/udp' : ''}`
  const text =
    device === undefined
      ? `${user.name} has not signed in on any device: from here on based on policy only`
      : `${device.name} is not connected, last seen ${device.lastSeenMs === undefined ? 'never' : rfc3339(device.lastSeenMs)}: from here on based on policy only; on that device: backstitch doctor client --app ${to}`
  return { hop: 'client', verdict: 'unknown', text }
}

/** The client knows ids; the names and the reasons are known here. */
function withNames(
  step: TraceStep,
  way: TraceWay | undefined,
  { edges, presence }: RunTraceDeps,
  { decided, online }: { decided: Decided; online: Subject['online'] },
): TraceStep {
  if (step.hop === 'client') {
    const text = step.text.replaceAll(/\bcon_[0-9a-z]{26}\b/g, (id) => decided.nameOf(id))
    return { ...step, text: text + clockText("the device's clock", online?.skewMs) }
  }
  if (way === undefined) return step
  if (step.hop === 'edge') {
    const because = edges.reasonFor(way.pipe)?.edgeBecause ?? `edge ${edges.nameOf(way.edge)}`
    return { ...step, text: `${because}; ${step.text}` }
  }
  if (step.hop === 'connector') {
    const name = decided.nameOf(way.connector)
    const other =
      decided.chosen === undefined || decided.chosen.id === way.connector
        ? ''
        : `, by its existing grant; ${decided.chosen.name} would be chosen now`
    const state = presence.connector(way.connector)?.state ?? 'disconnected'
    const skew = clockText('its clock', presence.connector(way.connector)?.skewMs)
    return { ...step, text: `${name} (${state})${other}: ${step.text}${skew}` }
  }
  return step
}

function clockText(whose: string, skewMs = 0): string {
  const skew = skewText(-skewMs)
  return skew === undefined ? '' : `; ${whose} is ${skew} (CLOCK_SKEW)`
}

function cut(step: TraceStep): TraceStep {
  return { ...step, text: step.text.slice(0, MAX_TRACE_TEXT_CHARS) }
}
