/**
 * The smallest agent there is: what a new role has to write, and nothing else. It enrols with a provisioning key, stays
 * connected, renews, keeps a record of its outages, comes back by a new key; `companions` is what it is there for.
 *
 * @module
 */
import * as z from 'zod'
import { Agent } from '../src/agent/agent.ts'
import { countsOutages, followsTime, tellsOutages } from '../src/agent/companions.ts'
import { SelfExamination } from '../src/agent/examination/self-examination.ts'
import { credentialsOf, enrolledIdentity } from '../src/agent/identity/agent-certificate.ts'
import { enrol } from '../src/agent/identity/enrol.ts'
import { identityFile } from '../src/agent/identity/identity-file.ts'
import { Renewal } from '../src/agent/identity/renewal.ts'
import { type ComesBack, RepairWatch } from '../src/agent/identity/repair-watch.ts'
import { untilEnrolled } from '../src/agent/identity/until-enrolled.ts'
import type { Companion } from '../src/agent/link/companion.ts'
import { onlyEdge } from '../src/agent/link/control-link.ts'
import { systemClock } from '../src/base/clock.ts'
import type { Fault } from '../src/base/faults.ts'
import type { Log } from '../src/base/log.ts'
import { StateDir } from '../src/base/state-dir.ts'
import { ServerClock } from '../src/link/control/server-clock.ts'
import { DIRECT } from '../src/link/dial/egress.ts'

const identity = z.strictObject({
  ...enrolledIdentity.shape,
  edge: z.strictObject({ host: z.string(), port: z.number() }),
})

export interface SmallestAgentOptions {
  readonly stateDir: string
  readonly keyFile: string
  readonly log: Log
  readonly companions: readonly Companion[]
  readonly onEnrolFailed: (fault: Fault) => void
}

/** Runs until `signal` aborts. @throws {Fault} IDENTITY_CLONED, STATE_UNWRITABLE, INVALID. */
export async function serveSmallest(o: SmallestAgentOptions, signal: AbortSignal): Promise<void> {
  const { keyFile, log, companions, onEnrolFailed: onFailed } = o
  const state = await StateDir.open(o.stateDir, 'connector')
  const store = identityFile(state, identity, 'connector')
  const clock = new ServerClock()
  await using examination = await SelfExamination.open(state, { log })
  let held = await store.load()
  let returns: ComesBack | undefined
  while (!signal.aborted) {
    if (held === undefined || returns !== undefined) {
      const request = {
        ...{
          role: 'connector',
          keyFile,
          store,
          fingerprint: {},
          egress: async () => DIRECT,
          clock: systemClock,
          log,
          signal,
        },
        expired: returns === 'as-before' ? held : undefined,
        held: (enrolled, edge) => ({ ...enrolled, edge }),
        say: ({ id }) => log.info({ event: 'agent.enrolled', agent: id }, `Enrolled as ${id}`),
      } satisfies Parameters<typeof enrol<z.infer<typeof identity>>>[0]
      const attempt = () => enrol<z.infer<typeof identity>>(request)
      held = (await untilEnrolled(attempt, { files: [keyFile], hopelessMs: 1000, signal, onFailed })).identity
    }
    let current = held
    let credentials = credentialsOf('connector', held.id, held)
    const readEgress = async () => DIRECT
    const repair = new RepairWatch({
      ...{ egress: DIRECT, readEgress, keyFile, clock },
      curedByKey: new Set(['CERT_EXPIRED']),
    })
    const renewal = new Renewal<z.infer<typeof identity>>({
      ...{ role: 'connector', idOf: ({ id }) => id, current: () => current, save: store.save, clock, log },
      use(renewed) {
        current = renewed
        credentials = credentialsOf('connector', renewed.id, renewed)
      },
    })
    const agent = new Agent({
      ...{ role: 'connector', way: onlyEdge(held.edge), egress: DIRECT, log, credentials: () => credentials },
      companions: [
        ...[repair, followsTime(clock, log), countsOutages(examination), tellsOutages(examination)],
        ...[renewal, ...companions],
      ],
      backoff: { baseMs: 5, capMs: 50 },
    })
    await agent.serve(AbortSignal.any([signal, repair.repaired]))
    held = current
    returns = repair.comesBack
  }
}
