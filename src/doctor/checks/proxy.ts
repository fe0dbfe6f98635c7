import type { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { seconds } from '../../base/span.ts'
import type { EdgeAddress } from '../../link/dial/credentials.ts'
import { egressFor } from '../../link/dial/egress.ts'
import { type Check, check, fail, type Judged, pass, unknown } from '../check.ts'
import type { DialFacts, Facts, FactTable } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { whyLost } from './return-path.ts'
import {
  edgeWords,
  hardlyWaited,
  hopOfRole,
  slowly,
  theDaemonWaits,
  verifyConnected,
  verifyHealthy,
} from './words.ts'

export const proxySetting: Check = check({
  name: 'proxy-setting',
  title: 'the outbound proxy setting',
  hop: 'self',
  needs: ['egress'],
  after: [],
  judge: ({ egress }, { patient }) => {
    if ('fault' in egress) {
      return fail('INVALID', {
        hop: hopOfRole(patient.role),
        expected: 'no proxy setting, or [USER:PASSWORD@]HOST:PORT',
        seen: [egress.fault.detail],
        cause: 'The setting exists but is unusable, so the daemon does not connect at all.',
        fix: [
          `correct the proxy that comes from ${egress.fault.seen.source ?? egress.fault.seen.file ?? 'the setting'}`,
        ],
        verify: verifyHealthy(patient),
      })
    }
    const proxy = proxyOf(egress, patient)
    const from = egress.egress.source
    return pass(proxy === undefined ? `none (${from})` : `${hostPort(proxy)}, set by ${from}`)
  },
})

/** The proxy that the way to the edge, or to another address, leads through. */
export function proxyOf(egress: FactTable['egress'], { edge }: Patient, to: EdgeAddress | undefined = edge) {
  if ('fault' in egress) return undefined
  return to === undefined ? egress.egress.proxy : egressFor(egress.egress, to)
}

/** Through which proxy the way leads, and who says so. */
export function proxyAt({ known: { egress }, patient }: Facts): { at: string; source: string } | undefined {
  const proxy = egress === undefined ? undefined : proxyOf(egress, patient)
  if (proxy === undefined || egress === undefined || 'fault' in egress) return undefined
  return { at: hostPort(proxy), source: egress.egress.source }
}

/** Does the way to the edge lead through a proxy? Not while that is unknown. */
export function isProxied({ known: { egress }, patient }: Facts): boolean {
  return egress !== undefined && proxyOf(egress, patient) !== undefined
}

export const proxy: Check = check({
  name: 'proxy',
  title: 'the outbound proxy',
  hop: 'edge',
  needs: ['egress', 'dial'],
  after: ['security-policy', 'link', 'resolver-file', 'proxy-setting'],
  applies: isProxied,
  judge: ({ egress, dial }, facts) => {
    const used = proxyOf(egress, facts.patient)
    if (used === undefined || 'fault' in egress) return undefined
    const way = `${edgeWords(facts.patient)} through ${hostPort(used)}`
    if (dial.fault === undefined) return pass(`${way} in ${dial.tookMs} ms`, slowly('proxy', dial.tookMs))
    return proxyFailure(dial.fault, { at: hostPort(used), source: egress.egress.source, facts, dial })
  },
})

interface ProxyWhere {
  readonly at: string
  readonly source: string
  readonly facts: Facts
  readonly dial: DialFacts
}

function proxyFailure(fault: Fault, { at, source, facts, dial }: ProxyWhere): Judged {
  const { patient } = facts
  const { seen } = fault
  const edge = edgeWords(patient)
  const setting = `proxy ${at}, set by ${source}`
  const verify = verifyConnected(patient)
  const common = { expected: `CONNECT ${edge} answered 200`, verify }
  switch (fault.code) {
    case 'PROXY_AUTH': {
      const asks = Array.isArray(seen.asksFor) ? (seen.asksFor as string[]).join(', ') : ''
      const basic = asks === '' || /basic/i.test(asks)
      return fail('PROXY_AUTH', {
        ...common,
        seen: [setting, `status ${seen.status}`, asks === '' ? '' : `Proxy-Authenticate: ${asks}`],
        cause: basic
          ? seen.credentialsSent
            ? 'The proxy rejects the configured user name and password.'
            : 'The proxy requires a user name and password, and none are set.'
          : `The proxy requires ${schemesOf(asks)} authentication, and only Basic is supported: no user name and password can help.`,
        fix: basic
          ? [`echo 'USER:PASSWORD@${at}' > ${patient.proxyFile}; chmod 600 ${patient.proxyFile}`]
          : [
              `on the proxy ${at}: allow this machine to reach ${edge} without authentication`,
              'or let it offer Basic as well',
            ],
      })
    }
    case 'PROXY_REFUSED':
      return fail('PROXY_REFUSED', {
        ...common,
        seen: [
          setting,
          seen.status === undefined ? fault.detail : `status ${seen.status}`,
          seen.page ? `first line of its page: ${seen.page}` : '',
        ],
        cause: `The proxy answers but does not allow this machine to reach ${edge}.`,
        fix: [`allow CONNECT to ${edge} on the proxy ${at}, without TLS inspection`],
      })
    case 'PROXY_UNREACHABLE':
      if (dial.stood) {
        const hardly = hardlyWaited('proxy', dial.tookMs, facts.known)
        if (hardly !== undefined) return hardly
        return fail('PROXY_UNREACHABLE', {
          ...common,
          seen: [
            setting,
            `${at} connects; no answer to CONNECT in ${seconds(dial.tookMs)}, ${theDaemonWaits('proxy')}`,
          ],
          cause: `The proxy ${at} accepts connections, but is slow or silent when asked for ${edge}.`,
          fix: [
            `check the proxy's log and load, and whether it can reach ${edge} itself`,
            `curl -sv -m 60 -x http://${at} https://${edge}/ 2>&1 | grep -m1 'HTTP/1'`,
          ],
        })
      }
      if (dial.returnPath !== undefined && dial.address !== undefined) {
        const [, port = '0'] = /:(\d+)$/.exec(at) ?? []
        const { seen: lost, ...why } = whyLost(dial.returnPath, {
          ...{ side: 'the proxy', address: dial.address, port: Number(port), self: hopOfRole(patient.role) },
          ...{ hop: 'edge', silent: 'PROXY_UNREACHABLE' },
        })
        const { fault: code, ...words } = why
        return fail(code, { ...common, ...words, seen: [setting, ...attemptsOf(fault), ...lost] })
      }
      return fail('PROXY_UNREACHABLE', {
        ...common,
        seen: [setting, ...attemptsOf(fault), fault.detail],
        cause: `No proxy answers at ${at}.`,
        fix: [`nc -zv ${at.replace(/:(\d+)$/, ' $1')}`, `correct the proxy in ${source}, or remove it there`],
      })
    default: // this process lacked what it takes: the proxy has heard nothing, and is not to blame
      return unknown(`${setting} was not tried: ${fault.detail}`)
  }
}

/** Without realms and challenges: `NTLM, Negotiate`. */
function schemesOf(asks: string): string {
  const schemes = asks.split(',').flatMap((one) => /^\s*([A-Za-z][A-Za-z0-9-]*)(?:\s|$)/.exec(one)?.[1] ?? [])
  return [...new Set(schemes)].join(' or ') || asks
}

function attemptsOf({ seen }: Fault): string[] {
  return Array.isArray(seen.attempts) ? [...(seen.attempts as string[])] : []
}
