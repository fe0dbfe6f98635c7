import { rfc3339 } from '../../base/clock.ts'
import type { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { span } from '../../base/span.ts'
import { blind, type Check, check, fail, type Judged, pass, unknown } from '../check.ts'
import type { KeyFacts } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { askAsRoot, isOfAnother } from './machine.ts'
import { newKey, verifyConnected, verifyEnrolled } from './words.ts'

export const provisioningKey: Check = check({
  name: 'provisioning-key',
  title: 'the provisioning key',
  hop: 'self',
  needs: ['identity'],
  uses: ['key'],
  after: ['security-policy'],
  applies: ({ patient: { role } }) => role === 'connector' || role === 'edge',
  judge: ({ identity, key }, { patient }) => {
    if (identity.stored) return pass('not needed: this machine is enrolled')
    if (key === undefined) return unknown('no key file is known')
    return key.fault === undefined
      ? pass(`${key.file} holds a whole key`)
      : keyFailure(key, key.fault, patient)
  },
})

function keyFailure({ file }: KeyFacts, fault: Fault, patient: Patient): Judged {
  const { position, character, owner, mode, uid, errno } = fault.seen
  const common = {
    expected: `${file} holds one provisioning key`,
    seen: [fault.detail],
    verify: verifyEnrolled(patient),
  }
  const replace = newKey(patient)
  const place = typeof fault.seen.path === 'string' ? fault.seen.path : file
  switch (fault.code) {
    case 'KEY_MISSING':
      return fail('KEY_MISSING', {
        ...common,
        cause: `This machine is not enrolled, and ${fault.detail}.`,
        fix: [replace, `chmod 600 ${file}`],
      })
    case 'KEY_UNREADABLE':
      return fail('KEY_UNREADABLE', {
        ...common,
        ...(errno === undefined
          ? { seen: [fault.detail], cause: 'Others could replace the key.' }
          : {
              seen: [`${file}: ${errno} for uid ${uid}; owner uid ${owner}, mode ${mode}`],
              cause: `The key file exists, but the service user (uid ${uid}) may not read it.`,
            }),
        fix: [`chown ${uid} ${place}`, `chmod ${place === file ? '600' : 'go-w'} ${place}`],
      })
    default:
      return fail(fault.code, {
        ...common,
        seen: [
          fault.detail,
          position === undefined
            ? ''
            : `position ${position}${character === undefined ? '' : `, ${character}`}`,
        ],
        cause: 'The key was altered on its way into the file.',
        fix: [replace],
      })
  }
}

export const seal: Check = check({
  name: 'seal',
  title: 'the stored identity',
  hop: 'self',
  needs: ['identity'],
  uses: ['stateDir'],
  after: ['security-policy', 'state-directory'],
  judge: ({ identity, stateDir }, { patient }) => {
    if (identity.fault !== undefined && stateDir !== undefined && isOfAnother(stateDir)) {
      return blind(askAsRoot(stateDir, patient))
    }
    if (identity.fault === undefined) {
      if (!identity.stored) return patient.role === 'client' ? signedOut(patient) : pass('none yet')
      const drift =
        identity.drifted.length === 0 ? '' : `; changed harmlessly: ${identity.drifted.join(', ')}`
      return pass(`${identity.id ?? 'stored'}${drift}`)
    }
    const { code, detail, seen } = identity.fault
    const changed = Array.isArray(seen.changed) ? (seen.changed as string[]) : []
    const broken = code === 'SEAL_BROKEN'
    return fail(code, {
      expected: broken
        ? 'three of the four machine factors unchanged since enrolment'
        : 'a readable state file',
      seen: [detail, ...changed],
      cause: broken
        ? 'This machine is not the one the identity was sealed on: it is a clone, or too many factors changed at once.'
        : 'The file was damaged or edited.',
      fix: [`mv ${patient.stateDir}/identity.json ${patient.stateDir}/identity.json.old`, newKey(patient)],
      verify: verifyEnrolled(patient),
    })
  },
})

function signedOut(patient: Patient): Judged {
  return fail('REAUTH_NEEDED', {
    expected: `a signed-in user in ${patient.stateDir}`,
    seen: [`${patient.stateDir}/profile.json does not exist`],
    cause: 'This device was never signed in.',
    fix: [signInFirst(patient)],
    verify: { run: `backstitch client status --state ${patient.stateDir}`, expect: 'certificate  until' },
  })
}

/** What an admin has given to whoever signs in for the first time; what is known here already is filled in. */
function signInFirst({ edge, pin }: Patient): string {
  const where = edge === undefined ? 'EDGE:PORT' : hostPort(edge)
  return `backstitch client login --edge ${where} --pin ${pin?.toString('hex') ?? 'PIN'} --user NAME`
}

/** By the clock of the edge where it is known: a wrong clock here must not make a certificate look ended. */
export const certificate: Check = check({
  name: 'certificate',
  title: "this machine's certificate",
  hop: 'self',
  needs: ['identity'],
  uses: ['answer'],
  after: ['seal', 'clock'],
  judge: ({ identity: { notAfterMs, user }, answer }, { nowMs, patient }) => {
    if (notAfterMs === undefined) return undefined
    const leftMs = notAfterMs - (nowMs + (answer?.slowMs ?? 0))
    if (leftMs > 0) return pass(`valid until ${rfc3339(notAfterMs)}, ${span(leftMs)} left`)
    const client = patient.role === 'client'
    return fail(client ? 'REAUTH_NEEDED' : 'CERT_EXPIRED', {
      expected: 'a certificate that has not expired',
      seen: [`not after ${rfc3339(notAfterMs)}: expired ${span(leftMs)} ago`],
      cause: client
        ? 'The sign-in behind it has ended, or it was not renewed in time: the machine was off or disconnected.'
        : "It was not renewed in time: the machine was off or disconnected for longer than the certificate's lifetime.",
      fix: client
        ? [user === undefined ? 'backstitch client login' : `backstitch client login --user ${user}`]
        : [newKey(patient)],
      verify: verifyConnected(patient),
    })
  },
})
