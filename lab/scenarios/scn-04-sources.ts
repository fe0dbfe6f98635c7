import { blink, printed } from '../cures.ts'
import { type Lab, RESOLV_CONF } from '../lab.ts'
import { HEALTHY } from '../resolver.ts'
import type { Variant } from '../scenario.ts'
import { ADDRESS, EDGE_NAME } from '../topology.ts'

const LOCALHOST = '127.0.0.1 localhost\n'
const NOBODY = '198.51.100.77'
const NSSWITCH = 'passwd: files\ngroup: files\nhosts: files dns\n'

const etcOf = (lab: Lab) => lab.machines['connector-a']

/** The resolver is well, and this machine goes by something else. */
export const sources: readonly Variant[] = [
  {
    name: 'hosts',
    does: `/etc/hosts of connector-a still has the old address of ${EDGE_NAME}`,
    hints: [
      'the resolver has the right address',
      'what do programs get?',
      'what is consulted before the resolver?',
    ],
    hop: 'connector',
    code: 'EDGE_NAME_HIJACKED',
    seen: [
      /10\.1\.1\.53 said 198\.51\.100\.10/,
      /line 2 of \/etc\/hosts: 198\.51\.100\.77 edge\.example\.net/,
      /198\.51\.100\.10:443 connected in \d+ ms \(the resolver 10\.1\.1\.53 returns it\)/,
    ],
    async inject(lab) {
      etcOf(lab).etc('hosts', `${LOCALHOST}${NOBODY} ${EDGE_NAME}\n`)
      await blink(lab, lab.connectors.a)
    },
    // The daemon meets an address where nobody is; its own doctor says why.
    noticed: (lab, since) => since.faults(lab.connectors.a).some(({ code }) => code === 'EDGE_NAME_HIJACKED'),
    async cure(lab, finding) {
      printed(finding, /^remove edge\.example\.net from line 2 of \/etc\/hosts$/)
      etcOf(lab).etc('hosts', LOCALHOST)
    },
    restore: async (lab) => etcOf(lab).etc('hosts', LOCALHOST),
  },
  {
    name: 'nsswitch',
    does: 'a hardening script left "hosts: files" in /etc/nsswitch.conf of connector-a: programs query no resolver',
    hints: ['dig finds the name', 'getent does not', 'which programs query the resolver, and which do not?'],
    hop: 'connector',
    code: 'EDGE_NAME_NXDOMAIN',
    seen: [
      /10\.1\.1\.53 said 198\.51\.100\.10/,
      /getaddrinfo: ENOTFOUND/,
      /\/etc\/nsswitch\.conf: hosts: files$/m,
    ],
    async inject(lab) {
      etcOf(lab).etc('nsswitch.conf', NSSWITCH.replace(' dns', ''))
      await blink(lab, lab.connectors.a)
    },
    async cure(lab, finding) {
      const [, line] = printed(finding, /^write "(hosts: files dns)" in \/etc\/nsswitch\.conf/)
      etcOf(lab).etc('nsswitch.conf', NSSWITCH.replace(/hosts: .*/, line!))
    },
    restore: async (lab) => etcOf(lab).etc('nsswitch.conf', NSSWITCH),
  },
  {
    name: 'indented',
    does: 'an edit of /etc/resolv.conf on connector-a left a blank before "nameserver": libc ignores that line',
    hints: ['the resolver answers', 'the file looks right', 'how does libc read it?'],
    hop: 'connector',
    code: 'RESOLVER_UNREACHABLE',
    seen: [/127\.0\.0\.1 said ECONNREFUSED/, /getaddrinfo: EAI_AGAIN/],
    async inject(lab) {
      etcOf(lab).etc('resolv.conf', ` ${RESOLV_CONF}`)
      await blink(lab, lab.connectors.a)
    },
    async cure(lab, finding) {
      const [, line] = printed(finding, /: (nameserver [\d.]+), starting in its first column$/)
      etcOf(lab).etc('resolv.conf', RESOLV_CONF.replace(/^nameserver .*/, line!))
    },
    restore: async (lab) => etcOf(lab).etc('resolv.conf', RESOLV_CONF),
  },
  {
    name: 'moved',
    does: `the record of ${EDGE_NAME} was changed to a machine that does not exist`,
    hints: ['the name resolves', 'nothing answers at that address', 'where did it point yesterday?'],
    hop: 'edge',
    code: 'EDGE_NAME_HIJACKED',
    seen: [
      /198\.51\.100\.77:443 /,
      new RegExp(`${ADDRESS.edge}:443 connected in \\d+ ms \\(the edge was reached there, first at `),
    ],
    async inject(lab) {
      await lab.resolver.serve({ ...HEALTHY, [EDGE_NAME]: NOBODY })
      await blink(lab, lab.connectors.a)
    },
    async cure(lab, finding) {
      const [, address] = printed(finding, /^set the record of edge\.example\.net back to ([\d.]+)$/)
      await lab.resolver.serve({ ...HEALTHY, [EDGE_NAME]: address! })
    },
  },
]
