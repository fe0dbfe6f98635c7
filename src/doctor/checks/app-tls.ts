import { rfc3339 } from '../../base/clock.ts'
import { hostPort } from '../../base/host-port.ts'
import { type Check, check, type Failure, fail, pass, unknown } from '../check.ts'
import type { AppFacts } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { isTcpBesideIt } from './beside-app.ts'
import { slowly, verifyHealthy } from './words.ts'

export const appTls: Check = check({
  name: 'app-tls',
  title: "the application's certificate",
  hop: 'application',
  applies: isTcpBesideIt,
  needs: ['app'],
  after: ['clock', 'app-port', 'app-answer'],
  judge: ({ app: { attempts, tls, tlsUnseen, target } }, { nowMs, patient }) => {
    if (tls === undefined) {
      const open = attempts.some(({ is }) => is === 'open')
      return open && tlsUnseen !== undefined ? unknown(`no certificate was seen: ${tlsUnseen}`) : undefined
    }
    const until = tls.validMs && `valid until ${rfc3339(tls.validMs[1])}`
    if (tls.fits)
      return (
        notNow(target, tls, nowMs, patient) ??
        pass(['has', target.host, until].filter(Boolean).join(' '), slowly('applicationTls', tls.tookMs ?? 0))
      )
    // About the name alone: whether the chain is trusted is the affair of the programs that connect.
    const run = `openssl s_client -connect ${hostPort(target)} -servername ${target.host} </dev/null 2>/dev/null | openssl x509 -noout -checkhost ${target.host}`
    return fail('APP_TLS_NAME', {
      expected: `a certificate for ${target.host}`,
      seen: [`subject=${tls.subject}`, `names: ${tls.names || 'none'}`],
      cause: `The certificate presented for ${target.host} does not contain that name, so programs reject it.`,
      fix: [
        `add ${target.host} to the certificate`,
        'or use a name it contains, and declare that name in the segment',
      ],
      verify: { run, expect: 'does match certificate' },
    })
  },
})

/** It has ended, or has not begun: programs refuse it as they do one of another name. */
function notNow(
  target: AppFacts['target'],
  { subject, validMs }: NonNullable<AppFacts['tls']>,
  nowMs: number,
  patient: Patient,
): Failure | undefined {
  if (validMs === undefined || nowMs === 0) return undefined
  const [fromMs, toMs] = validMs
  if (fromMs <= nowMs && nowMs <= toMs) return undefined
  const ended = toMs < nowMs
  const run = `openssl s_client -connect ${hostPort(target)} -servername ${target.host} </dev/null 2>/dev/null | openssl x509 -noout -checkend 0`
  return fail('APP_CERT_EXPIRED', {
    expected: `a certificate for ${target.host} that is currently valid`,
    seen: [
      `subject=${subject}`,
      `valid from ${rfc3339(fromMs)} to ${rfc3339(toMs)}; the time here is ${rfc3339(nowMs)}`,
    ],
    cause: ended
      ? `The certificate presented for ${target.host} expired at ${rfc3339(toMs)}, so programs reject it.`
      : `The certificate presented for ${target.host} is not valid before ${rfc3339(fromMs)}, so programs reject it.`,
    fix: ended
      ? [
          `renew the certificate of ${target.host}`,
          'if its machine already has a renewed one: reload the application, which still presents the old one',
        ]
      : [
          `correct the clock of the machine that issued the certificate, and reissue the one for ${target.host}`,
          `or wait until ${rfc3339(fromMs)}`,
        ],
    // What has not begun "will not expire" either.
    verify: ended ? { run, expect: 'Certificate will not expire' } : verifyHealthy(patient),
  })
}
