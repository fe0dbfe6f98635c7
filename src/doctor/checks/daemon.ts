import { wordsOf } from '../../base/fault-words.ts'
import { FAULTS, type FaultCode, HOPS, type Hop, isFaultCode } from '../../base/faults.ts'
import type { OomKill } from '../../probe/oom-kill.ts'
import type { UnitFacts } from '../../probe/unit.ts'
import { blind, type Check, check, type Failure, fail, type Judged, pass, unknown } from '../check.ts'
import type { DaemonFacts, Facts, IdentityFacts, KeyFacts, Patient } from '../facts.ts'
import { edgeText, keyFor, newKey, unitOf, verifyConnected, verifyEnrolled } from './words.ts'

/** What this doctor looks at itself, on the same way and as the same user: its own look counts, not the last try. */
const LOOKED_AT_HERE: ReadonlySet<string> = new Set([
  'EDGE_NAME_NXDOMAIN',
  'RESOLVER_UNREACHABLE',
  'EGRESS_BLOCKED',
  'EGRESS_REJECTED',
  'EDGE_UNREACHABLE',
  'TLS_INTERCEPTED',
  'PIN_MISMATCH',
  'EDGE_CERT_EXPIRED',
  'HANDSHAKE_TIMEOUT',
  'PROXY_UNREACHABLE',
  'PROXY_AUTH',
  'PROXY_REFUSED',
  'CLOCK_SKEW',
  'KEY_MISSING',
  'KEY_UNREADABLE',
  'KEY_MALFORMED',
])
/** Checks that must have passed before the word of the daemon about what lies beyond them is believed. */
const WAY = [
  'provisioning-key',
  'seal',
  'proxy',
  'edge-tcp',
  'edge-tls',
  'clock',
  'edge-records',
  'upgrade',
  'certificate',
]

/** What only the control plane and the other side know reaches this machine through the daemon alone. */
export const control: Check = check({
  name: 'control',
  title: 'what the control plane says',
  hop: 'control',
  needs: ['daemon'],
  uses: ['tls', 'identity', 'key'],
  after: WAY,
  judge: ({ daemon, tls, identity, key }, facts) => {
    if (tls?.fault?.code === 'CONTROL_UNREACHABLE') return away(tls.fault.detail, facts)
    if (daemon.unasked !== undefined || turnsAway(daemon)) return unasked(daemon)
    if (!daemon.answers && keyRefused(daemon, identity, key)) return lastRefused(daemon, facts)
    if (!daemon.answers) return unknown(`nobody to ask: no daemon answers at ${daemon.socket}`)
    const { fault, state = 'unknown' } = daemon
    if (fault === undefined) return pass(`the daemon is ${state}`)
    if (LOOKED_AT_HERE.has(fault.code)) {
      return unknown(`the daemon met ${fault.code} at its last try; the way was found open just now`)
    }
    // A shortage of this machine: the check of its figures says it, and what to do.
    if (fault.code === 'CONNECTOR_OVERLOADED') return unknown(`the daemon is ${state}: ${fault.detail}`)
    return told(daemon, fault, facts)
  },
})

/** The edge proved who it is, and says that it cannot pass anybody on. */
function away(detail: string, { patient }: Facts): Judged {
  return fail('CONTROL_UNREACHABLE', {
    expected: `a control plane behind the edge at ${edgeText(patient)}`,
    seen: [detail],
    cause: FAULTS.CONTROL_UNREACHABLE.cause,
    fix: [FAULTS.CONTROL_UNREACHABLE.fix],
    verify: verifyConnected(patient),
  })
}

function told(daemon: DaemonFacts, fault: NonNullable<DaemonFacts['fault']>, { patient }: Facts): Judged {
  const code = isFaultCode(fault.code) ? fault.code : 'INTERNAL'
  const { group: GROUP, keyFile: KEYFILE, stateDir: STATE } = patient
  const { cause, fix } = wordsOf({ code, seen: fault.seen ?? {} }, { GROUP, KEYFILE, STATE })
  const gone = code === 'IDENTITY_REVOKED' && fault.detail.includes('was deleted')
  return fail(code, {
    hop: isHop(fault.hop) ? fault.hop : undefined,
    expected: `a ${patient.role} that is connected`,
    seen: [
      `the daemon (process ${daemon.pid}) is ${daemon.state}`,
      fault.detail,
      code === 'KEY_UNKNOWN' ? `asked was the control plane of ${edgeText(patient)}` : '',
    ],
    cause: gone ? 'An admin deleted it; this identity is not let in again.' : cause,
    // What is made for an edge names the edge, and not a group.
    fix: gone
      ? [patient.role === 'client' ? 'backstitch client login' : newKey(patient)]
      : [patient.role === 'edge' ? fix.replaceAll(/--group [^\s,]+/g, keyFor(patient)) : fix],
    verify: verifyConnected(patient),
  })
}

/** What another key is the cure for. */
const KEY_REFUSED: ReadonlySet<string> = new Set([
  'KEY_EXPIRED',
  'KEY_EXHAUSTED',
  'KEY_REVOKED',
  'KEY_UNKNOWN',
])

/** The daemon has ended, and this was the last that it heard; the key that lies here is still the same. */
function keyRefused(daemon: DaemonFacts, identity?: IdentityFacts, key?: KeyFacts): boolean {
  const { lastFault } = daemon
  if (lastFault === undefined || !KEY_REFUSED.has(lastFault.code) || identity?.stored !== false) return false
  return key?.changedMs !== undefined && key.changedMs <= (lastFault.writtenMs ?? 0)
}

/** It need not run, so that it does not is no finding; that it would be refused again is one. */
function lastRefused({ lastFault, lastOutage }: DaemonFacts, { patient }: Facts): Judged {
  const code = lastFault!.code as FaultCode
  return fail(code, {
    expected: `a ${patient.role} that is enrolled`,
    seen: [`no daemon runs here; the last was refused: ${lastOutage}`, lastFault!.detail],
    cause: FAULTS[code].cause,
    fix: lastFault!.fix ?? [newKey(patient)],
    verify: verifyEnrolled(patient),
  })
}

function isHop(text: string): text is Hop {
  return (HOPS as readonly string[]).includes(text)
}

/** After all that can keep it from running. */
export const running: Check = check({
  name: 'daemon',
  title: 'the daemon',
  hop: 'self',
  needs: ['daemon'],
  uses: ['identity'],
  after: ['state-directory', 'proxy-setting', 'seal'],
  judge: ({ daemon, identity }, { patient }) => {
    if (daemon.unasked !== undefined || turnsAway(daemon)) return unasked(daemon)
    if (daemon.answers) return pass(`process ${daemon.pid}, ${daemon.state}${drift(daemon)}`)
    // A client may well run only while a command does.
    const expected = daemon.unit !== undefined || (identity?.stored && patient.role !== 'client')
    if (!expected) return unknown(`none answers at ${daemon.socket}, and none has to run here`)
    if (identity?.stored && daemon.pid === undefined && daemon.lastFault?.code === 'IDENTITY_CLONED') {
      return endedAsCopy(daemon, daemon.lastFault.detail, patient)
    }
    return down(daemon, patient)
  },
})

/** Whoever could not ask does not know that it is down. */
function unasked({ socket, pid, silence, unasked: errno }: DaemonFacts): Judged {
  if (errno !== undefined) return blind(`the daemon could not be asked at ${socket}: ${errno}`)
  return blind(`process ${pid} runs and takes nobody more who asks at ${socket}: ${silence}`)
}

/** It ends the connection by itself: it runs, and has no descriptor or no room left for whoever asks. */
function turnsAway({ silence, pid }: DaemonFacts): boolean {
  return pid !== undefined && silence !== undefined && !silence.startsWith('no answer')
}

/** It healed the seal when it started: the file shows it no more. */
function drift({ notes }: DaemonFacts): string {
  const note = notes?.find(({ code }) => code === 'SEAL_DRIFTED')
  return note === undefined ? '' : `; at its start the machine was changed without harm: ${note.detail}`
}

/** It has ended by itself, so that it does not disturb the other one: to start it again would help nobody. */
function endedAsCopy({ lastOutage }: DaemonFacts, detail: string, patient: Patient): Failure {
  return fail('IDENTITY_CLONED', {
    hop: 'control',
    expected: 'an identity that is used in one place',
    seen: [detail, `the daemon has ended: ${lastOutage}`],
    cause: detail.includes('from before generation')
      ? 'An older copy of this identity was put back, or the one that went on is on another machine.'
      : 'The identity of this machine is in use on another one: the state directory was copied.',
    fix: [...enrolAnew(patient), 'or, if the other one is the copy: do this there, and start this one again'],
    verify: verifyEnrolled(patient),
  })
}

/** Not with the identity that is stored here. */
function enrolAnew(patient: Patient): string[] {
  const { stateDir, role } = patient
  return [
    `mv ${stateDir}/identity.json ${stateDir}/identity.json.old`,
    newKey(patient),
    `systemctl restart ${unitOf(role)}`,
  ]
}

function down(
  { socket, silence, pid, unit, unitUnseen, lastOutage, oomKill }: DaemonFacts,
  { role, stateDir }: Patient,
): Failure {
  const name = unitOf(role)
  const looping =
    unit !== undefined && (unit.restarts > 2 || unit.active === 'failed' || unit.exitStatus !== 0)
  const disabled = unit !== undefined && unit.enabled !== 'enabled' && unit.enabled !== 'static'
  const forMemory = oomKill !== undefined || unit?.result === 'oom-kill'
  const startable = startableAgain(unit)
  const start = unit === undefined ? 'start the daemon as it was installed' : `systemctl enable --now ${name}`
  return fail('DAEMON_DOWN', {
    expected: `a daemon that answers at ${socket}`,
    seen: [
      pid === undefined
        ? `nobody answers at ${socket}`
        : `process ${pid} is there and says nothing at ${socket}${silence === undefined ? '' : `: ${silence}`}`,
      unit === undefined
        ? (unitUnseen ?? 'there is no systemd unit')
        : `${unit.name}: ${loadText(unit)}${unit.active}, ${unit.enabled || 'not enabled'}, ${unit.restarts} restarts, last exit ${unit.exitStatus} (${unit.result ?? 'no result'})`,
      ...killedFor(oomKill),
      lastOutage ? `when it was last heard of: ${lastOutage}` : '',
      unit?.lastLine ? `its last line: ${unit.lastLine}` : '',
    ],
    cause: forMemory
      ? whyKilled(oomKill)
      : (pid === undefined && whyNotLoaded(unit)) || whyDown({ hangs: pid !== undefined, looping, disabled }),
    fix: forMemory
      ? [...moreMemory(oomKill, unit && name), ...startable, start]
      : looping || pid !== undefined
        ? [...startable, `journalctl -u ${name} -n 50`, `systemctl restart ${name}`]
        : [...startable, start],
    // A process that hangs is "active" to systemd, and "inactive" says it, too: only its own word counts.
    verify: { run: `backstitch status --state ${stateDir}`, expect: 'version' },
  })
}

function loadText({ load }: UnitFacts): string {
  return load === 'loaded' ? '' : `${load}, `
}

/** Nobody can start such a unit, so it is no use to say so first. */
function startableAgain(unit: UnitFacts | undefined): string[] {
  if (unit === undefined || unit.load === 'loaded') return []
  if (unit.load !== 'masked') return [`systemd-analyze verify ${unit.name}.service`]
  return [`systemctl unmask ${unit.enabled === 'masked-runtime' ? '--runtime ' : ''}${unit.name}`]
}

function whyNotLoaded(unit: UnitFacts | undefined): string | undefined {
  if (unit === undefined || unit.load === 'loaded') return undefined
  if (unit.load === 'masked')
    return 'Somebody has masked it, so it can be started neither at boot nor by hand.'
  return 'systemd cannot read its unit, so nobody starts it.'
}

function killedFor(oomKill: OomKill | undefined): string[] {
  if (oomKill === undefined) return []
  const { at, line, group } = oomKill
  const said = `the kernel at ${at}: ${line}`
  return group
    ? [said, `control group ${group.path}: ${mb(group.usedKB)} of ${mb(group.limitKB)} used`]
    : [said]
}

function whyKilled(oomKill: OomKill | undefined): string {
  return oomKill !== undefined && oomKill.group === undefined
    ? 'The kernel killed it: this machine was out of memory.'
    : 'The kernel killed it: its control group, with all that shares it, was at its limit of memory.'
}

/** Started as it was, it would be killed again. */
function moreMemory(oomKill: OomKill | undefined, unit: string | undefined): string[] {
  const look = 'ps -eo rss,pid,args --sort=-rss | head -8'
  if (oomKill !== undefined && oomKill.group === undefined) {
    return [look, 'give this machine more memory, or take from it what needs too much']
  }
  const limit = oomKill?.group === undefined ? '' : `, over ${mb(oomKill.group.limitKB)}`
  const where = unit === undefined ? `control group ${oomKill?.group?.path}` : unit
  return [look, `raise the limit of memory of ${where}${limit}, or move out what shares it`]
}

function mb(kilobytes: number): string {
  return `${Math.round(kilobytes / 1024)} MB`
}

function whyDown(it: { hangs: boolean; looping: boolean; disabled: boolean }): string {
  if (it.hangs) return 'It runs, and does nothing: it hangs, or was stopped by a signal.'
  if (it.looping) return 'It ends again and again; its last line says why.'
  if (it.disabled) return 'It is not enabled, so nobody starts it.'
  return 'It was stopped, or has ended, and nobody starts it again.'
}
