import path from 'node:path'
import { blink, printed } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import type { Lab } from '../lab.ts'
import { labProgram, NODE } from '../paths.ts'
import type { Scenario } from '../scenario.ts'
import { startInspectingSquid } from '../squid.ts'
import { ADDRESS, EDGE_NAME } from '../topology.ts'
import { edgeHangs, heldName, heldProtocol } from './scn-06-declined.ts'

const PORT = 9443
const FROM_A = `ip saddr ${ADDRESS['connector-a']} tcp dport 443`
const running = new WeakMap<Lab, Daemon>()

/** A CA as an appliance makes it, and a certificate for the edge signed by it. @returns their folder. */
async function resign(lab: Lab): Promise<{ certificate: string; key: string }> {
  const { dir } = lab.machines.fw
  const at = (name: string) => path.join(dir, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const openssl = (...args: string[]) => lab.machines.fw.succeed('openssl', ...args)
  await openssl(
    ...['req', '-x509', ...newKey, '-days', '30', '-subj', '/O=FortiGate/CN=Fortinet_CA_SSL'],
    ...['-keyout', at('ca.key'), '-out', at('ca.crt')],
  )
  await openssl(
    ...['req', '-x509', ...newKey, '-days', '30', '-subj', `/CN=${EDGE_NAME}`, '-keyout', at('edge.key')],
    ...['-addext', `subjectAltName=DNS:${EDGE_NAME}`, '-CA', at('ca.crt'), '-CAkey', at('ca.key')],
    ...['-out', at('leaf.crt')],
  )
  await lab.machines.fw.succeed('bash', '-c', `cat ${at('leaf.crt')} ${at('ca.crt')} > ${at('chain.crt')}`)
  return { certificate: at('chain.crt'), key: at('edge.key') }
}

async function end(lab: Lab): Promise<void> {
  await lab.firewall.clear()
  const daemon = running.get(lab)
  if (daemon !== undefined) await lab.machines.fw.stop(daemon, 'SIGKILL')
}

export const interception: Scenario = {
  id: 'SCN-06',
  title: 'TLS is intercepted on the path',
  story: `The new firewall inspects TLS. Every machine of the company trusts its CA, browsers notice nothing, and the project
is called a success. connector-a trusts only its tenant's CA, and reports that an unknown server answers in place of
the edge.`,
  variants: [
    {
      name: 'resigned',
      does: 'a gateway intercepts the TLS of connector-a and re-signs it with its own CA',
      hints: ['TCP connects', 'a browser would see nothing', 'who signed the certificate presented?'],
      hop: 'edge',
      code: 'TLS_INTERCEPTED',
      seen: [/issuer=.*Fortinet_CA_SSL/, /subject=.*edge\.example\.net/],
      async inject(lab) {
        const { certificate, key } = await resign(lab)
        const main = labProgram('interceptor-main')
        const command = [NODE, main, String(PORT), certificate, key, ADDRESS.edge, '443']
        running.set(lab, lab.machines.fw.start('interceptor', command))
        await lab.firewall.redirect(FROM_A, PORT)
        await blink(lab, lab.connectors.a)
      },
      async cure(lab, finding) {
        printed(finding, /^exempt edge\.example\.net:443 from TLS inspection in .*Forti/)
        await lab.firewall.clear()
      },
      restore: end,
    },
    {
      name: 'bumped',
      does: 'a cloud proxy intercepts the TLS of connector-a and generates a certificate for each name',
      hints: ['TCP connects', 'other connectors work', 'who signed the certificate presented?'],
      hop: 'edge',
      code: 'TLS_INTERCEPTED',
      seen: [/issuer=.*Zscaler/],
      async inject(lab) {
        const { fw } = lab.machines
        running.set(
          lab,
          await startInspectingSquid(fw, { port: PORT, subject: '/O=Zscaler Inc./CN=Zscaler Root CA' }),
        )
        await lab.firewall.redirect(FROM_A, PORT)
        await blink(lab, lab.connectors.a)
      },
      async cure(lab, finding) {
        printed(finding, /^exempt edge\.example\.net:443 from TLS inspection in .*Zscaler/)
        await lab.firewall.clear()
      },
      restore: end,
    },
    {
      name: 'portal',
      does: 'a guest network answers every port with its sign-in page',
      hints: ['TCP connects', 'what answers does not speak TLS', 'try plain HTTP'],
      hop: 'edge',
      code: 'CAPTIVE_PORTAL',
      seen: [/HTTP\/1\.1 302/, /Location: http:\/\/login\.guest-network\.example\//],
      async inject(lab) {
        const main = labProgram('portal-main')
        running.set(lab, lab.machines.fw.start('portal', [NODE, main, String(PORT)]))
        await lab.firewall.redirect(`ip saddr ${ADDRESS['connector-a']} tcp dport { 80, 443 }`, PORT)
        await blink(lab, lab.connectors.a)
      },
      async cure(lab, finding) {
        printed(finding, /^or have edge\.example\.net:443 exempted from it$/)
        await lab.firewall.clear()
      },
      restore: end,
    },
    heldProtocol,
    heldName,
    edgeHangs,
  ],
}
