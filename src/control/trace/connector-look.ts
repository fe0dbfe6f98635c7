/**
 * What the connector sees of an application from its own machine: asked when a canary did not get through, for the
 * precise code, and in place of one when the device of the user is away.
 *
 * @module
 */
import type { TraceInput } from '../../api/trace.ts'
import { meantNetworks } from '../../policy/meant-networks.ts'
import type { DiagnosisFinding, DiagnosisReport, TraceHop, TraceStep } from '../../wire/control.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import type { Diagnoses } from '../presence/diagnoses.ts'
import type { Presence } from '../presence/presence.ts'
import type { Trail } from './trail.ts'

interface LookDeps {
  readonly presence: Presence
  readonly diagnoses: Diagnoses
}

interface Looking {
  readonly trail: Trail
  readonly policy: PolicySnapshot
  readonly signal: AbortSignal
}

/** Hops of the last mile, which the connector can look at again. */
const LAST_MILE: ReadonlySet<TraceHop> = new Set<TraceHop>(['dns', 'connect', 'tls', 'application'])
/** Which of its checks says what of which hop. */
const CHECKS: Readonly<Record<string, TraceHop>> = {
  'app-name': 'dns',
  'app-address': 'dns',
  'app-port': 'connect',
  'app-answer': 'application',
  'app-tls': 'tls',
  'app-mtu': 'application',
}

/** Asks the connector that the canary went through, if it failed behind it. @returns What it found instead. */
export async function refine(
  deps: LookDeps,
  connector: string | undefined,
  input: TraceInput,
  looking: Looking,
): Promise<DiagnosisFinding | undefined> {
  const { failed } = looking.trail
  if (connector === undefined || input.protocol === 'udp') return undefined
  if (failed === undefined) return wellButFor(deps, connector, input, looking)
  if (!LAST_MILE.has(failed.hop)) return undefined
  const found = appFinding(await examine(deps, connector, input, looking))
  // What it did not see it does not explain: then the words of the session stand.
  if (found === undefined || failed.fault === undefined) return undefined
  looking.trail.amend({ ...failed, text: found.cause, fault: { ...failed.fault, code: found.code } })
  return found
}

/** A session that stands has carried a few bytes: which sizes pass on the last mile only the connector can tell. */
async function wellButFor(
  deps: LookDeps,
  connector: string,
  input: TraceInput,
  looking: Looking,
): Promise<DiagnosisFinding | undefined> {
  const report = await examine(deps, connector, input, looking)
  const lost = report?.findings.find(({ check }) => check === 'app-mtu')
  const size = report?.checks.find(({ check }) => check === 'app-mtu')
  const before = looking.trail.get('application')
  if (lost !== undefined) {
    const { code, hop, cause, seen } = lost
    const fault = { code, hop, detail: cause, seen: { seen: [...seen] } }
    looking.trail.amend({ hop: 'application', verdict: 'fail', text: cause, fault })
  } else if (before?.verdict === 'pass' && size !== undefined && size.verdict !== 'skip') {
    const words = size.verdict === 'pass' ? size.text : `large packets unknown: ${size.text}`
    looking.trail.amend({ ...before, text: `${before.text}; ${words}` })
  }
  return lost
}

/** Without a device: says for the last mile what the connector sees. */
export async function lookFromConnector(
  deps: LookDeps,
  connector: { readonly id: string; readonly name: string },
  input: TraceInput,
  looking: Looking,
): Promise<DiagnosisFinding | undefined> {
  const { trail } = looking
  if (input.protocol === 'udp') return undefined
  const report = await examine(deps, connector.id, input, looking)
  if (report === undefined) return undefined
  const found = appFinding(report)
  const state = deps.presence.connector(connector.id)?.state ?? 'disconnected'
  trail.say({
    hop: 'connector',
    verdict: 'pass',
    text: `${connector.name} (${state}) checked the application itself`,
  })
  for (const step of stepsOf(report, found)) trail.say(step)
  return found
}

async function examine(
  { presence, diagnoses }: LookDeps,
  id: string,
  { host, port }: TraceInput,
  { policy, signal }: Looking,
): Promise<DiagnosisReport | undefined> {
  const connected = presence.connector(id)
  if (connected === undefined) return undefined
  const match = policy.destinations.find({ host, port, protocol: 'tcp' })
  // Only what policy could let somebody reach is looked at, whatever port a device says that it has tried.
  if (match.is !== 'found' || match.segment.unreadable !== undefined) return undefined
  const { segment } = match
  const target = { host, port, networks: meantNetworks(segment, host), ports: segment.tcp.slice(0, 64) }
  // One that is busy, or goes away now, leaves us with what the canary said.
  return diagnoses.ask(connected, target, { signal }).catch(() => undefined)
}

function appFinding(report: DiagnosisReport | undefined): DiagnosisFinding | undefined {
  return report?.findings.find(({ hop, check }) => hop === 'dns' || hop === 'application' || check in CHECKS)
}

function stepsOf({ checks }: DiagnosisReport, found: DiagnosisFinding | undefined): TraceStep[] {
  return checks.flatMap(({ check, verdict, text }): TraceStep[] => {
    const hop = CHECKS[check]
    if (hop === undefined || verdict === 'skip') return []
    if (verdict !== 'fail') return [{ hop, verdict, text }]
    if (found?.check !== check) return []
    const { code, hop: owner, cause, seen } = found
    return [
      { hop, verdict, text: cause, fault: { code, hop: owner, detail: cause, seen: { seen: [...seen] } } },
    ]
  })
}
