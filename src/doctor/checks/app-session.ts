import { askAdmin } from '../../base/ask-admin.ts'
import { wordsOf } from '../../base/fault-words.ts'
import type { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { seconds } from '../../base/span.ts'
import { type Check, check, fail, type Judged, pass } from '../check.ts'
import type { AppSessionFacts, Facts } from '../facts.ts'
import { verifyHealthy } from './words.ts'

/** From a device the last mile shows in one way: by a session, over client, edge and connector, as any program has it. */
export const appSession: Check = check({
  name: 'app-session',
  title: 'a session to the application',
  hop: 'application',
  applies: ({ patient }) => patient.app !== undefined && patient.role === 'client',
  needs: ['session'],
  uses: ['identity'],
  after: [
    'security-policy',
    'link',
    'seal',
    'proxy',
    'edge-name',
    'edge-tcp',
    'edge-tls',
    'clock',
    'descriptors',
    'control',
  ],
  judge: ({ session, identity }, facts) => {
    const { fault, said, tookMs, target } = session
    if (fault !== undefined) return refused(session, fault, identity?.user, facts)
    if (said?.is === 'closed') return hungUp(session, facts)
    const known = knownOf(session)
    if (known.length > 0) return impaired(session, known, identity?.user, facts)
    const then =
      said?.is === 'bytes' ? 'it sends a greeting' : 'it keeps the connection open and waits for a request'
    return pass(
      `${hostPort(target)} connected in ${seconds(tookMs)}${own(session)}; ${then}${unseen(session, identity?.user)}`,
    )
  },
})

function knownOf({ notes = [], looked, said }: AppSessionFacts): readonly Fault[] {
  const seen = looked?.fault
  const more = seen === undefined || notes.some(({ code }) => code === seen.code) ? [] : [seen]
  // Whoever greets is not silent; and where control sees that large packets are lost, that is why nobody is answered.
  const isNotSilent = said?.is === 'bytes' || seen?.code === 'PATH_MTU'
  return [...more, ...notes].filter(({ code }) => !isNotSilent || code !== 'APP_SILENT')
}

/** Where large transfers stand still, the reason may lie beyond the connector. */
function unseen({ target, looked }: AppSessionFacts, user: string | undefined): string {
  if (looked?.well) return '; large packets pass end to end'
  const admin = askAdmin({ code: 'PATH_MTU', hop: 'application', seen: {} }, { user, to: hostPort(target) })
  return admin === undefined
    ? ''
    : `; whether large packets reach it cannot be tested from here; an admin can: ${admin}`
}

function own({ by }: AppSessionFacts): string {
  return by === 'daemon' ? '' : ', by a client started for this check: none is running here'
}

function refused(
  session: AppSessionFacts,
  fault: NonNullable<AppSessionFacts['fault']>,
  user: string | undefined,
  { patient }: Facts,
): Judged {
  const { host, port } = session.target
  const { cause, fix } = wordsOf(fault, { APP: host, PORT: port, STATE: patient.stateDir })
  // What broke elsewhere the person at this device does not mend: whom to ask, and with which words.
  const admin = askAdmin(fault, { user, to: hostPort(session.target) })
  const out = members(fault.seen.members)
  return fail(fault.code, {
    hop: fault.hop,
    expected: `a session to ${hostPort(session.target)}`,
    seen: [
      `${out.length > 0 ? 'no connector serves it' : fault.detail}${own(session)}`,
      ...out,
      `known after ${seconds(session.tookMs)}`,
    ],
    cause,
    fix: [fix, ...(admin === undefined ? [] : [`or ask an admin: ${admin}`])],
    verify: verifyHealthy(patient),
  })
}

/** It can be connected to, and is not as it should be. */
function impaired(
  session: AppSessionFacts,
  [first, ...others]: readonly Fault[],
  user: string | undefined,
  { patient }: Facts,
): Judged {
  const { host, port } = session.target
  const { code, hop, detail, seen } = first!
  const { cause, fix } = wordsOf(first!, { APP: host, PORT: port })
  const admin = askAdmin({ code, hop, seen: {} }, { user, to: hostPort(session.target) })
  return fail(code, {
    hop,
    expected: 'an application that answers every request, including large ones',
    seen: [
      `connected in ${seconds(session.tookMs)}${own(session)}; but ${detail}`,
      ...members(seen.saw),
      ...others.map((one) => `and ${one.code}: ${one.detail}`),
    ],
    cause,
    fix: [fix, ...(admin === undefined ? [] : [`or ask an admin: ${admin}`])],
    verify: verifyHealthy(patient),
  })
}

/** Who could have carried it, and why each did not. */
function members(told: unknown): string[] {
  return Array.isArray(told) ? told.map(String) : []
}

function hungUp({ target, tookMs }: AppSessionFacts, { patient }: Facts): Judged {
  const { cause, fix } = wordsOf({ code: 'APP_HUNG_UP', seen: {} }, { APP: target.host, PORT: target.port })
  return fail('APP_HUNG_UP', {
    expected: `an application at ${hostPort(target)} that waits for a request, or sends a greeting`,
    seen: [`connected in ${seconds(tookMs)}, then closed cleanly by it without sending a byte`],
    cause,
    fix: [fix],
    verify: verifyHealthy(patient),
  })
}
