import { shellWord, wordsOf } from '../../base/fault-words.ts'
import { FAULTS, type FaultCode, HOPS, type Hop, isFaultCode } from '../../base/faults.ts'
import { blind, type Check, check, type Failure, fail, type Judged, pass, unknown } from '../check.ts'
import type { DaemonFacts, Facts, IdentityFacts, KeyFacts } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { down } from './daemon-down.ts'
import { edgeWords, keyWords, newKey, unitOf, verifyConnected, verifyEnrolled } from './words.ts'

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
  title: 'what the control plane reports',
  hop: 'control',
  needs: ['daemon'],
  uses: ['tls', 'identity', 'key'],
  after: WAY,
  judge: ({ daemon, tls, identity, key }, facts) => {
    if (tls?.fault?.code === 'CONTROL_UNREACHABLE') return away(tls.fault.detail, facts)
    if (daemon.unasked !== undefined || turnsAway(daemon)) return unasked(daemon)
    if (!daemon.answers && keyRefused(daemon, identity, key)) return lastRefused(daemon, facts)
    if (!daemon.answers) return unknown(`not asked: no daemon answers at ${daemon.socket}`)
    const { fault, state = 'unknown' } = daemon
    if (fault === undefined) return pass(`the daemon is ${state}`)
    if (LOOKED_AT_HERE.has(fault.code)) {
      return unknown(`the daemon met ${fault.code} on its last attempt; the path was open just now`)
    }
    // A shortage of this machine: the check of its figures says it, and what to do.
    if (fault.code === 'CONNECTOR_OVERLOADED') return unknown(`the daemon is ${state}: ${fault.detail}`)
    return told(daemon, fault, facts)
  },
})

/** The edge proved who it is, and says that it cannot pass anybody on. */
function away(detail: string, { patient }: Facts): Judged {
  return fail('CONTROL_UNREACHABLE', {
    expected: `a control plane behind the edge at ${edgeWords(patient)}`,
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
  const gone = isDeleted(fault)
  return fail(code, {
    hop: isHop(fault.hop) ? fault.hop : undefined,
    expected: `${aRole(patient)} that is connected`,
    seen: [
      `the daemon (process ${daemon.pid}) is ${daemon.state}`,
      fault.detail,
      code === 'KEY_UNKNOWN' ? `the control plane at ${edgeWords(patient)} was asked` : '',
    ],
    cause: gone ? whyGone(fault.detail) : cause,
    // What is made for an edge names the edge, and not a group.
    fix: gone
      ? comeBack(fault.detail, patient)
      : [patient.role === 'edge' ? fix.replaceAll(/--group [^\s,]+/g, keyWords(patient)) : fix],
    verify: verifyConnected(patient),
  })
}

const DELETED = 'An admin deleted it; this identity is no longer admitted.'

/** In the words of the control plane: for one that it does not know any more, or not yet again. */
const NOT_KNOWN = ' is not known here'

function isDeleted({ code, detail }: { readonly code: string; readonly detail: string }): boolean {
  return code === 'IDENTITY_REVOKED' && (detail.includes('was deleted') || detail.includes(NOT_KNOWN))
}

function whyGone(detail: string): string {
  if (!detail.includes(NOT_KNOWN)) return DELETED
  return detail.includes('went back')
    ? 'The server is running on an older copy of its store that does not contain this identity: it was not deleted.'
    : 'The control plane does not know this identity.'
}

/** Of an edge the object went, too, and a key is made for one that there is. */
function comeBack(detail: string, patient: Patient): string[] {
  if (patient.role === 'client') return ['backstitch client login']
  if (patient.role !== 'edge') return [newKey(patient)]
  const name = /^edge (\S+) \(edg_/.exec(detail)?.[1]
  const key = newKey(patient)
  return [
    'if it should serve again: declare it again (kind: edge), backstitch apply -f FILE',
    name === undefined ? key : key.replace('--edge NAME', `--edge ${shellWord(name)}`),
  ]
}

function aRole({ role }: Patient): string {
  return role === 'edge' ? 'an edge' : `a ${role}`
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
    expected: `${aRole(patient)} that is enrolled`,
    seen: [`no daemon is running here; the last one was refused: ${lastOutage}`, lastFault!.detail],
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
  uses: ['identity', 'key'],
  after: ['state-directory', 'proxy-setting', 'seal'],
  judge: ({ daemon, identity, key }, { patient }) => {
    if (daemon.unasked !== undefined || turnsAway(daemon)) return unasked(daemon)
    if (daemon.answers) return pass(`process ${daemon.pid}, ${daemon.state}${drift(daemon)}`)
    // A client may well run only while a command does.
    const expected = daemon.unit !== undefined || (identity?.stored && patient.role !== 'client')
    if (!expected) return unknown(`none answers at ${daemon.socket}, and none needs to run here`)
    if (identity?.stored && daemon.pid === undefined && daemon.lastFault?.code === 'IDENTITY_CLONED') {
      return endedAsCopy(daemon, daemon.lastFault.detail, patient)
    }
    if (identity?.stored && daemon.pid === undefined && endedDeleted(daemon, key)) {
      return downAndDeleted(daemon, patient)
    }
    return down(daemon, patient)
  },
})

/** To start it helps nobody, unless a key of later lies there. */
function endedDeleted({ lastFault }: DaemonFacts, key?: KeyFacts): boolean {
  if (lastFault === undefined || !isDeleted(lastFault)) return false
  return key === undefined || key.fault !== undefined || (key.changedMs ?? 0) <= (lastFault.writtenMs ?? 0)
}

function downAndDeleted({ lastFault, lastOutage }: DaemonFacts, patient: Patient): Failure {
  return fail('IDENTITY_REVOKED', {
    hop: 'control',
    expected: `${aRole(patient)} that is admitted`,
    seen: [lastFault!.detail, `the daemon has exited: ${lastOutage}`],
    cause: whyGone(lastFault!.detail),
    fix: [...comeBack(lastFault!.detail, patient), `systemctl restart ${unitOf(patient.role)}`],
    verify: verifyConnected(patient),
  })
}

/** Whoever could not ask does not know that it is down. */
function unasked({ socket, pid, silence, unasked: errno }: DaemonFacts): Judged {
  if (errno !== undefined) return blind(`the daemon could not be queried at ${socket}: ${errno}`)
  return blind(`process ${pid} is running but accepts no more queries at ${socket}: ${silence}`)
}

/** It ends the connection by itself: it runs, and has no descriptor or no room left for whoever asks. */
function turnsAway({ silence, pid }: DaemonFacts): boolean {
  return pid !== undefined && silence !== undefined && !silence.startsWith('no answer')
}

/** It healed the seal when it started: the file shows it no more. */
function drift({ notes }: DaemonFacts): string {
  const note = notes?.find(({ code }) => code === 'SEAL_DRIFTED')
  return note === undefined ? '' : `; at startup the machine had changed harmlessly: ${note.detail}`
}

/** It has ended by itself, so that it does not disturb the other one: to start it again would help nobody. */
function endedAsCopy({ lastOutage }: DaemonFacts, detail: string, patient: Patient): Failure {
  return fail('IDENTITY_CLONED', {
    hop: 'control',
    expected: 'an identity that is used in only one place',
    seen: [detail, `the daemon has exited: ${lastOutage}`],
    cause: detail.includes('from before generation')
      ? 'An older copy of this identity was restored, or the copy that continued is on another machine.'
      : "This machine's identity is in use on another one: the state directory was copied.",
    fix: [...enrolAnew(patient), 'or, if the other one is the copy: do this there, and restart this one'],
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
