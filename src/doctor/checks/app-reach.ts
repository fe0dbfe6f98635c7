import { wordsOf } from '../../base/fault-words.ts'
import { FAULTS, type FaultCode, HOPS, type Hop, isFaultCode } from '../../base/faults.ts'
import { type Check, check, fail, pass } from '../check.ts'
import type { DaemonFacts } from '../facts.ts'
import { verifyHealthy } from './words.ts'

type Failing = NonNullable<DaemonFacts['failing']>[number]

/** Of the application and of its name; what the machine lacks is said by the checks of the machine. */
const OF_LAST_MILE: ReadonlySet<string> = new Set<Hop>(['application', 'dns'])

/** Asked without an application, the doctor looks at none: which were not reached, the daemon knows. */
export const appReach: Check = check({
  name: 'app-reach',
  title: 'applications that users asked the daemon for',
  hop: 'application',
  applies: ({ patient }) => patient.role === 'connector' && patient.app === undefined,
  needs: ['daemon'],
  after: [
    ...['security-policy', 'link', 'resolver-file', 'resolver', 'edge-name', 'proxy', 'edge-tcp', 'edge-tls'],
    ...['descriptors', 'control', 'daemon'],
  ],
  judge: ({ daemon: { answers, failing = [] } }, { patient }) => {
    if (!answers) return undefined // the check of the daemon says so
    const [first, ...others] = failing.filter(({ fault }) => OF_LAST_MILE.has(fault.hop))
    if (first === undefined) return pass('it knows of none that it cannot reach')
    const { application, fault } = first
    const code: FaultCode = isFaultCode(fault.code) ? fault.code : 'INTERNAL'
    const { cause, fix } = wordsOf({ code, seen: {} }, {})
    return fail(code, {
      hop: HOPS.find((hop) => hop === fault.hop) ?? FAULTS[code].hop,
      expected: 'every application that users ask for is reachable',
      seen: [`the daemon reports: ${failingText(first)}`, ...others.map((one) => `and ${failingText(one)}`)],
      cause: `${application} is unreachable from this machine. ${cause}`,
      fix: [fix, `sudo backstitch doctor connector --app ${application}`],
      verify: verifyHealthy(patient),
    })
  },
})

function failingText({ application, fault: { code, detail } }: Failing): string {
  return `${application} ${code}: ${detail}`
}
