/** Checks of what only the daemon can tell: it has looked for minutes, and knows what its own limits are. */
import type { FaultCode } from '../../base/faults.ts'
import { type Check, check, type Failure, fail, pass, unknown } from '../check.ts'
import type { DaemonFacts, DaemonNote } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { unitOf, verifyHealthy } from './words.ts'

interface NoteCheck {
  readonly name: string
  readonly title: string
  /** What is said where the daemon says none of `notes`. */
  readonly well: string
  /** What to make of each, the gravest first. */
  readonly notes: {
    readonly [code in FaultCode]?: (note: DaemonNote, patient: Patient, daemon: DaemonFacts) => Failure
  }
}

/** Where no daemon runs there is nothing to know. */
export function daemonNote({ name, title, well, notes: wanted }: NoteCheck): Check {
  return check({
    ...{ name, title, hop: 'self', needs: ['daemon'], after: ['daemon'] },
    judge: ({ daemon }, { patient }) => {
      const { answers, unasked, notes = [] } = daemon
      if (!answers)
        return unasked === undefined ? undefined : unknown(`the daemon could not be queried: ${unasked}`)
      for (const [code, failure] of Object.entries(wanted)) {
        const note = notes.find((one) => one.code === code)
        if (note !== undefined) return failure(note, patient, daemon)
      }
      return pass(well)
    },
  })
}

export const leak: Check = daemonNote({
  name: 'memory-growth',
  title: "the daemon's memory over five minutes",
  well: 'it does not grow steadily',
  notes: {
    MEMORY_LEAK_SUSPECTED: ({ detail }, patient) =>
      fail('MEMORY_LEAK_SUSPECTED', {
        expected: 'memory that follows the number of sessions',
        seen: [`the daemon reports: ${detail}`],
        fix: [
          `backstitch support-bundle ${patient.role}: report the problem with the figures in it`,
          `then, while others in its group are serving: systemctl restart ${unitOf(patient.role)}`,
        ],
        verify: verifyHealthy(patient),
      }),
  },
})

/** A look of our own finds a free thread: this process is not the daemon. */
export const lookups: Check = daemonNote({
  name: 'lookups',
  title: "the daemon's DNS lookups",
  well: 'none went unanswered',
  notes: {
    LOOKUPS_BUSY: ({ detail }, patient) =>
      fail('LOOKUPS_BUSY', {
        expected: 'a free thread for every lookup',
        seen: [`the daemon reports: ${detail}`],
        fix: [
          'fix the resolver of the names reported as unanswered, or stop using those names',
          `or systemctl edit ${unitOf(patient.role)}, with: Environment=UV_THREADPOOL_SIZE=256`,
        ],
        verify: verifyHealthy(patient),
      }),
  },
})
