import { printed } from '../cures.ts'
import { type Lab, RESOLV_CONF } from '../lab.ts'
import { HEALTHY } from '../resolver.ts'
import type { Variant } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_PORT, EDGE_NAME } from '../topology.ts'

const LOCALHOST = '127.0.0.1 localhost\n'
/** In the network of the application, so that nothing but the resolver knows better. */
const NOBODY = '10.1.9.99'
const WILD = 'corp.lab'

const common = {
  hop: 'dns',
  app: `${APP_NAME}:${APP_PORT}`,
  cutsAll: true,
  noticeMs: 60_000,
  // Who asks for the application is told that nobody is where the connector went.
  noticed: async (lab) =>
    (await lab.ask()) === undefined && /APP_UNREACHABLE|APP_TIMEOUT|APP_NAME/.test(await lab.clientStatus()),
} as const satisfies Partial<Variant>

function both(lab: Lab, name: string, text: string): void {
  for (const { machine } of [lab.connectors.a, lab.connectors.b]) machine.etc(name, text)
}

/** The resolver has the right record, or had it, and the connectors go elsewhere. */
export const appSources: readonly Variant[] = [
  {
    ...common,
    name: 'hosts',
    does: `/etc/hosts of the connectors has the old address of ${APP_NAME}`,
    hints: [
      'the resolver has the right address',
      'what do programs get?',
      'what is consulted before the resolver?',
    ],
    code: 'APP_NAME_WRONG_VIEW',
    seen: [
      /10\.1\.1\.53 said 10\.1\.9\.80/,
      /line 2 of \/etc\/hosts: 10\.1\.9\.99 app\.dc1\.example\.com/,
      /10\.1\.9\.80:8080 connected in \d+ ms \(the resolver 10\.1\.1\.53 returns it\)/,
    ],
    inject: async (lab) => both(lab, 'hosts', `${LOCALHOST}${NOBODY} ${APP_NAME}\n`),
    async cure(lab, finding) {
      printed(finding, /^remove app\.dc1\.example\.com from line 2 of \/etc\/hosts$/)
      both(lab, 'hosts', LOCALHOST)
    },
    restore: async (lab) => both(lab, 'hosts', LOCALHOST),
  },
  {
    ...common,
    name: 'search',
    does: `the record was deleted, and a search domain answers for every name: ${APP_NAME}.${WILD}`,
    hints: ['the name resolves', 'the resolver says that there is none', 'what is appended to the name?'],
    code: 'APP_NAME_NXDOMAIN',
    seen: [/10\.1\.1\.53 said NXDOMAIN/, /app\.dc1\.example\.com\.corp\.lab is 10\.1\.9\.99/],
    async inject(lab) {
      both(lab, 'resolv.conf', `${RESOLV_CONF}search ${WILD}\n`)
      await lab.resolver.serve({ [EDGE_NAME]: ADDRESS.edge }, `address=/${WILD}/${NOBODY}`)
    },
    async cure(lab, finding) {
      printed(finding, /^add a record for app\.dc1\.example\.com to its zone$/)
      await lab.resolver.serve(HEALTHY, `address=/${WILD}/${NOBODY}`)
    },
    restore: async (lab) => both(lab, 'resolv.conf', RESOLV_CONF),
  },
  {
    ...common,
    name: 'moved',
    does: `the record of ${APP_NAME} was changed to a machine that does not exist`,
    hints: ['the name resolves', 'nothing answers at that address', 'where did it point yesterday?'],
    code: 'APP_NAME_WRONG_VIEW',
    seen: [/10\.1\.9\.99:8080 /, /10\.1\.9\.80:8080 connected in \d+ ms \(it was reached there until /],
    // Only a connector that has been at the application knows where it was.
    async inject(lab) {
      await lab.connectors.b.stop()
      await lab.serves()
      await lab.resolver.serve({ ...HEALTHY, [APP_NAME]: NOBODY })
    },
    async cure(lab, finding) {
      const [, address] = printed(finding, /^set the record of app\.dc1\.example\.com back to ([\d.]+)$/)
      await lab.resolver.serve({ ...HEALTHY, [APP_NAME]: address! })
    },
    restore: async (lab) => void (lab.connectors.b.runs || lab.connectors.b.start()),
  },
]
