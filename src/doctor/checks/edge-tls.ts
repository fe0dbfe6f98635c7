import { rfc3339 } from '../../base/clock.ts'
import { seconds, span } from '../../base/span.ts'
import { type Check, check, type Failure, fail, type Judged, pass, unknown } from '../check.ts'
import type { Facts, TlsFacts } from '../facts.ts'
import { losesLong, secondTexts, stranger, whyDeclined } from './declined.ts'
import { inspectionVendor } from './inspection-vendors.ts'
import { proxyAt } from './proxy.ts'
import {
  edgeWords,
  gaveUpEarly,
  hardlyWaited,
  mtuFix,
  slowly,
  verifyConnected,
  verifyHealthy,
} from './words.ts'

/** What every path takes. */
const LEAST_MTU = 1280

export const edgeTls: Check = check({
  name: 'edge-tls',
  title: 'TLS to the edge, against the pin',
  hop: 'edge',
  needs: ['tls'],
  uses: ['ping', 'daemon'],
  after: ['edge-tcp', 'proxy'],
  judge: ({ tls, ping }, facts) => {
    if (tls.broken !== undefined) return noHandshake(tls, ping, facts)
    if (tls.fault?.code === 'TLS_INTERCEPTED') return portal(tls, facts) ?? intercepted(tls, facts)
    if (tls.fault?.code === 'PIN_MISMATCH') return otherTenant(tls, facts)
    if (tls.fault?.code === 'CONTROL_UNREACHABLE') return pass(tls.fault.detail)
    if (tls.fault !== undefined) return notControl(tls, facts)
    if (facts.patient.pin === undefined) return unknown('no pin is known: it is in the provisioning key')
    return pass(`the chain ends in the pinned tenant CA, ${tls.tookMs} ms`, slowly('handshake', tls.tookMs))
  },
})

function noHandshake(tls: TlsFacts, ping: Facts['known']['ping'], facts: Facts): Judged {
  const { patient } = facts
  const portalFound = portal(tls, facts)
  if (portalFound !== undefined) return portalFound
  const expected = `a TLS handshake with ${edgeWords(patient)}`
  const verify = verifyHealthy(patient) // what is held back is our handshake: that of another program proves nothing
  const fault = tls.broken!
  const stalls = fault.code === 'HANDSHAKE_TIMEOUT'
  if (stalls && ping?.lostBytes !== undefined) return narrow(ping, facts, tls)
  if (stalls && losesLong(tls, ping)) return longLost(tls, ping, facts)
  const other = stranger(tls)
  if (other !== undefined)
    return intercepted({ ...tls, chain: other.chain }, facts, secondTexts(tls.second ?? []))
  const hardly = stalls ? hardlyWaited('handshake', tls.tookMs, facts.known) : undefined
  if (hardly !== undefined) return hardly
  const early = stalls ? gaveUpEarly('handshake', tls.tookMs, facts.known) : undefined
  const met = stalls ? `the handshake did not complete in ${seconds(tls.tookMs)}` : fault.detail
  return fail(stalls ? 'HANDSHAKE_TIMEOUT' : 'EDGE_UNREACHABLE', {
    expected,
    seen: ['TCP connects', met, early ?? '', ...secondTexts(tls.second ?? []), ping?.saw ?? ''],
    ...whyDeclined(tls, edgeWords(patient), proxyAt(facts)?.at),
    verify,
  })
}

/** No echo comes back at any size, so nobody has measured; that short answers come and long ones do not says enough. */
function longLost(tls: TlsFacts, ping: Facts['known']['ping'], { patient }: Facts): Failure {
  return fail('PATH_MTU', {
    expected: `packets of 1500 bytes between this machine and ${edgeWords(patient)}`,
    seen: [
      'TCP connects, and a short reply (a TLS alert) arrives at once',
      `the handshake did not complete in ${seconds(tls.tookMs)}: its reply needs more than one packet`,
      ping?.saw ?? 'ping is not installed or not allowed',
    ],
    cause:
      "Large packets are lost on the path, and so is the ICMP message that reports it: short replies arrive, the edge's certificate does not.",
    fix: mtuFix(LEAST_MTU, ping?.via),
    verify: verifyHealthy(patient),
  })
}

/** A wider packet than passes is lost without a word, so the certificate of the edge never arrives. */
function narrow(ping: NonNullable<Facts['known']['ping']>, { patient }: Facts, tls: TlsFacts): Failure {
  const through = ping.toldMtu ?? ping.throughBytes!
  return fail('PATH_MTU', {
    expected: `packets of 1500 bytes between this machine and ${edgeWords(patient)}`,
    seen: [
      ping.saw,
      `largest that passes: ${through} bytes; ${ping.lostBytes} bytes are lost`,
      `the handshake did not complete in ${seconds(tls.tookMs)}`,
    ],
    cause:
      'Large packets are lost on the path, and so is the ICMP message that reports it: the handshake stalls.',
    fix: mtuFix(through, ping.via),
    verify: verifyHealthy(patient),
  })
}

/** A page of the network took the connection: it speaks HTTP where TLS belongs, or leads elsewhere on port 80. */
function portal({ plain, chain }: TlsFacts, { patient }: Facts): Failure | undefined {
  if (plain === undefined) return undefined
  const elsewhere = plain.location !== undefined && !plain.location.includes(`//${patient.edge?.host}`)
  if (chain.length > 0 && !elsewhere && !/ 511 /.test(plain.firstLine)) return undefined
  return fail('CAPTIVE_PORTAL', {
    expected: `an edge at ${edgeWords(patient)}`,
    seen: [`plain HTTP is answered: ${plain.firstLine}`, plain.location ? `Location: ${plain.location}` : ''],
    cause: 'A captive portal or block page of the network answers in place of the edge.',
    fix: [
      plain.location ? `sign in at ${plain.location}` : `open http://${patient.edge?.host}/ in a browser`,
      `or have ${edgeWords(patient)} exempted from it`,
    ],
    verify: verifyConnected(patient),
  })
}

function intercepted(tls: TlsFacts, facts: Facts, more: readonly string[] = []): Failure {
  const { patient } = facts
  const proxy = proxyAt(facts)
  const leaf = tls.chain[0]
  const vendor = tls.chain.map(({ issuer }) => inspectionVendor(issuer)).find((name) => name !== undefined)
  const edge = edgeWords(patient)
  const fingerprint = patient.pin?.toString('hex')
  return fail('TLS_INTERCEPTED', {
    expected: `a certificate chain that ends in the tenant CA${fingerprint ? `, SHA-256 ${fingerprint}` : ''}`,
    seen:
      leaf === undefined
        ? ['no certificate was presented']
        : [
            `issuer=${leaf.issuer}`,
            `subject=${leaf.subject}`,
            `last of the chain: SHA-256 ${tls.chain.at(-1)!.sha256}`,
            `trusted by other programs on this machine: ${tls.trustedBySystem ? 'yes' : 'no'}`,
            proxy === undefined ? '' : `the path goes through the proxy ${proxy.at}, set in ${proxy.source}`,
            ...more,
          ],
    cause: `${whoResigns(tls, vendor, proxy?.at)} The edge is pinned, so nothing was sent.`,
    fix: [
      `exempt ${edge} from TLS inspection${proxy === undefined ? '' : ` on the proxy ${proxy.at}`}${vendor ? ` in ${vendor}` : ` (issuer ${leaf?.issuer ?? 'unknown'})`}`,
    ],
    verify: verifyHealthy(patient), // by the pin: the edge of another tenant has an issuer of the same name
  })
}

function otherTenant({ fault, chain }: TlsFacts, { patient }: Facts): Failure {
  const edge = edgeWords(patient)
  const pinned = patient.pin?.toString('hex') ?? 'unknown'
  return fail('PIN_MISMATCH', {
    expected: `a certificate chain that ends in the tenant CA, SHA-256 ${pinned}`,
    seen: [
      `identity=${fault?.seen.identity ?? 'unknown'}`,
      `last of the chain: SHA-256 ${chain.at(-1)?.sha256 ?? 'unknown'}`,
    ],
    cause: `A Backstitch server of another tenant answers at ${edge}: it was reinstalled after the pin was written, or the address is not your server's. The edge is pinned, so nothing was sent.`,
    fix: [
      `if ${edge} is your server, reinstalled: give this machine a new key of it`,
      `otherwise correct the edge address, which comes from ${patient.edge?.source ?? 'the configuration'}`,
    ],
    verify: verifyHealthy(patient),
  })
}

function whoResigns(tls: TlsFacts, vendor: string | undefined, proxy: string | undefined): string {
  // What is behind it looks the same from here: whoever runs it knows which of them it is.
  if (proxy !== undefined)
    return `The proxy ${proxy}, or something behind it, intercepts TLS and re-signs it${vendor === undefined ? '' : ` (${vendor})`}.`
  if (vendor !== undefined) return `${vendor} on the path intercepts TLS and re-signs it.`
  if (tls.trustedBySystem)
    return 'TLS is intercepted on the path and re-signed by a CA that is installed on this machine.'
  return "A server other than this tenant's edge answers, or TLS is intercepted on the path and re-signed."
}

function notControl(tls: TlsFacts, { patient }: Facts): Failure {
  const { code, detail } = tls.fault!
  return fail(code, {
    hop: 'edge',
    expected: `the control plane behind ${edgeWords(patient)}`,
    seen: [detail, ...tls.chain.slice(0, 1).map(({ subject }) => `subject=${subject}`)],
    cause: 'The certificate was issued by the tenant CA, but not to the control plane.',
    fix: [`correct the edge address, which comes from ${patient.edge?.source ?? 'the configuration'}`],
    verify: verifyConnected(patient),
  })
}

/** The edge's own certificate, by its own clock. */
export const edgeCertificate: Check = check({
  name: 'edge-certificate',
  title: "the edge's certificate",
  hop: 'edge',
  needs: ['tls', 'answer'],
  after: ['edge-tls', 'clock'],
  judge: ({ tls, answer }, { nowMs, patient }): Judged => {
    const trueMs = nowMs + (answer.slowMs ?? 0)
    const ended = tls.chain.find(({ notAfterMs }) => notAfterMs <= trueMs)
    if (ended === undefined)
      return tls.chain.length === 0 ? undefined : pass(`valid until ${rfc3339(tls.chain[0]!.notAfterMs)}`)
    return fail('EDGE_CERT_EXPIRED', {
      expected: 'certificates that have not expired',
      seen: [
        `subject=${ended.subject}`,
        `not after ${rfc3339(ended.notAfterMs)}: expired ${span(trueMs - ended.notAfterMs)} ago`,
      ],
      cause: 'The edge presents an expired certificate: its renewal is not working.',
      fix: ["on the edge's machine: check its log for certificate renewal, and restart it"],
      verify: verifyHealthy(patient),
    })
  },
})
