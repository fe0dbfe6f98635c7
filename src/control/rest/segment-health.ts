/**
 * Whether the applications of a segment are reached, by what its connectors have said. What nobody has asked is unknown,
 * which is no fault. Pure.
 *
 * @module
 */
import type { FaultCode, Hop } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import type { ApplicationReport } from '../presence/applications.ts'

/** In one sentence; the list has all of them. */
const MAX_REASONS = 5

export type Mode = PolicySegment['health']

export interface ApplicationHealth {
  readonly host: string
  readonly port: number
  /** TCP, unless it says so. */
  readonly protocol?: 'udp'
  /** `degraded`: it can be connected to, and is not as it should be. */
  readonly state: 'healthy' | 'degraded' | 'unhealthy'
  readonly atMs: number
  /** The connector tried by itself: no session asked. */
  readonly probe: boolean
  readonly code?: FaultCode
  readonly hop?: Hop
  readonly detail?: string
  /** Sessions that have waited for their first byte for long. */
  readonly waits?: number
}

export interface MemberHealth {
  readonly state: 'healthy' | 'degraded' | 'unhealthy' | 'unknown'
  readonly applications: readonly ApplicationHealth[]
}

export interface SegmentHealth {
  readonly state: 'healthy' | 'degraded' | 'unhealthy' | 'unknown'
  readonly because: string
  /** HEALTH_UNKNOWN where that is so: for people, and never red. */
  readonly code?: 'HEALTH_UNKNOWN'
}

export function memberHealth(told: readonly ApplicationReport[]): MemberHealth {
  const applications = told.map(
    ({ host, port, protocol, ok, atMs, probe, fault, waits }): ApplicationHealth => {
      const { code, hop, detail } = fault ?? {}
      const reached = code === undefined ? 'healthy' : 'degraded'
      const where = { host, port, ...(protocol === 'udp' ? { protocol } : {}) }
      return { ...where, state: ok ? reached : 'unhealthy', atMs, probe, code, hop, detail, waits }
    },
  )
  const worst = (['unhealthy', 'degraded', 'healthy'] as const).find((state) =>
    applications.some((one) => one.state === state),
  )
  return { state: worst ?? 'unknown', applications }
}

/** An application is well where one member reaches it; a segment, where that is so of all that was tried. */
export function segmentHealth(
  mode: Mode,
  members: readonly (MemberHealth & { readonly name: string; readonly out?: string | undefined })[],
  usedAt: string | undefined,
): SegmentHealth {
  const tried = members.flatMap(({ name, applications }) => applications.map((one) => ({ ...one, name })))
  if (tried.length === 0 && members.length > 0 && members.every(({ out }) => out !== undefined)) {
    const reasons = members.map(({ name, out }) => `${name}: ${out}`)
    return { state: 'unhealthy', because: `no connector serves it: ${some(reasons)}` }
  }
  if (tried.length === 0)
    return { state: 'unknown', code: 'HEALTH_UNKNOWN', because: whyUnknown(mode, usedAt) }
  const byApplication = Map.groupBy(tried, whereText)
  const lost = [...byApplication].filter(([, looks]) => looks.every(({ state }) => state === 'unhealthy'))
  if (lost.length > 0) {
    const reasons = lost.map(
      ([where, looks]) => `${where} (${looks.map(({ name, code }) => `${name}: ${code}`).join(', ')})`,
    )
    return { state: 'unhealthy', because: `no connector reaches ${reasons.join('; ')}` }
  }
  const partly = tried.filter(({ state }) => state !== 'healthy')
  if (partly.length > 0) {
    const reasons = partly.map((one) =>
      one.state === 'unhealthy'
        ? `${one.name} does not reach ${whereText(one)}: ${one.code}`
        : `${one.name} connects, but ${one.code}: ${one.detail}`,
    )
    return { state: 'degraded', because: some(reasons) }
  }
  const waiting = [...byApplication].flatMap(([where, looks]) => waitsOf(where, looks) ?? [])
  if (waiting.some(({ sessions }) => sessions > 1))
    return { state: 'degraded', because: some(waiting.map(({ text }) => text)) }
  const reached = `${byApplication.size === 1 ? 'its application is' : `all ${byApplication.size} applications are`} reachable`
  return { state: 'healthy', because: some([reached, ...waiting.map(({ text }) => text)]) }
}

/** One alone may have asked for something that takes long; each of several may wait at another connector. */
function waitsOf(
  where: string,
  looks: readonly (ApplicationHealth & { readonly name: string })[],
): { sessions: number; text: string } | undefined {
  const those = looks.filter(({ waits = 0 }) => waits > 0)
  const sessions = those.reduce((sum, { waits = 0 }) => sum + waits, 0)
  if (sessions === 0) return undefined
  const who = sessions === 1 ? 'one session waits' : `${sessions} sessions wait`
  return {
    sessions,
    text: `${who} for the first byte of ${where} (${those.map(({ name }) => name).join(', ')})`,
  }
}

function some(reasons: readonly string[]): string {
  const more = reasons.length > MAX_REASONS ? `; and ${reasons.length - MAX_REASONS} more` : ''
  return reasons.slice(0, MAX_REASONS).join('; ') + more
}

function whereText({ host, port, protocol }: Pick<ApplicationHealth, 'host' | 'port' | 'protocol'>): string {
  return `${hostPort({ host, port })}${protocol === 'udp' ? '/udp' : ''}`
}

function whyUnknown(mode: Mode, usedAt: string | undefined): string {
  switch (mode) {
    case 'continuous':
      return 'health is continuous, and no connector has reported yet'
    case 'onAccess':
      return usedAt === undefined
        ? 'health is onAccess, and it has not been used recently'
        : `health is onAccess; last used at ${usedAt}, and no connector has reported yet`
    case 'none':
      return 'health is none: it is not checked, and no session has used it recently'
  }
}
