/** One of two connectors does not reach the application: users are served, and somebody has to say it all the same. */
import { printed } from '../cures.ts'
import { type Consultation, consult } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import type { Variant } from '../scenario.ts'
import { ADDRESS, APP_PORT } from '../topology.ts'
import { traced } from '../trace.ts'

const FROM_A = `ip saddr ${ADDRESS['connector-a']} ip daddr ${ADDRESS.app} tcp dport ${APP_PORT}`
const OUT = /; (\S+ does not: APP_REFUSED)$/

const common = {
  hop: 'application',
  code: 'APP_REFUSED',
  noticeMs: 60_000,
  inject: (lab) => lab.firewall.block(`${FROM_A} reject with tcp reset`),
  // Whoever asks is served; the one that was tried before says so of itself.
  async noticed(lab) {
    await lab.client.stop()
    lab.client.start()
    await lab.serves()
    return (await lab.connectors.a.status())?.state === 'degraded'
  },
  async cure(lab, finding) {
    printed(finding, /^Start the application, or correct the port in the segment/)
    await lab.firewall.allow(`${FROM_A} accept`) // "or a firewall rejects"
  },
} as const satisfies Partial<Variant>

/** A trace that is healthy, and names who does not get there: taken as a finding. */
async function tracedWithOthers(lab: Lab): Promise<Consultation> {
  const said = await traced(lab)
  const out = OUT.exec(said.firstLine)?.[1]
  if (said.outcome !== 'healthy' || out === undefined) return said
  const fix = ['Start the application, or correct the port in the segment.']
  const verify = {
    run: `${said.command} | head -1 | grep 'does not' || echo all of them reach it`,
    expect: 'all of them reach it',
  }
  return {
    ...{ ...said, firstLine: `application APP_REFUSED: ${said.firstLine}`, exitCode: 1 },
    findings: [{ hop: 'application', code: 'APP_REFUSED', seen: [out], cause: out, fix, verify }],
  }
}

export const oneOfTwo: readonly Variant[] = [
  {
    ...common,
    name: 'one-refused',
    does: 'the application refuses connector-a, which its firewall was never told about; connector-b serves every user',
    hints: ['users connect', 'which connector serves them?', 'backstitch status, on each of them'],
    seen: [/the daemon reports: app\.dc1\.example\.com:8080 APP_REFUSED: 10\.1\.9\.80:8080: ECONNREFUSED/],
    examine: (lab) => consult(lab.connectors.a),
    examinedOn: 'connector-a',
  },
  {
    ...common,
    name: 'one-refused-traced',
    does: 'the same, and a trace for a user who is served shows which connector would not serve them',
    hints: ['the user connects', 'what if connector-b is patched tonight?', "trace the user's path"],
    seen: [/^\S+ does not: APP_REFUSED$/],
    examine: tracedWithOthers,
    examinedOn: 'edge',
  },
]
