import { type Check, fail } from '../check.ts'
import type { DaemonFacts } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { daemonNote } from './daemon-note.ts'
import { killedFor, moreMemory, whyKilled } from './memory-kill.ts'
import { unitOf, verifyHealthy } from './words.ts'

/** Whoever looks now sees processes that run: those before them the daemon remembers. */
export const workers: Check = daemonNote({
  name: 'workers',
  title: "the daemon's worker processes",
  well: 'none has ended unexpectedly in the last ten minutes',
  notes: {
    WORKER_ENDED: ({ detail }, patient, { oomKill }) =>
      fail('WORKER_ENDED', {
        expected: 'workers that run as long as their daemon',
        seen: [`the daemon reports: ${detail}`, ...killedFor(oomKill)],
        ...whyEnded(detail, patient, oomKill),
        verify: verifyHealthy(patient), // ten minutes after the last one
      }),
  },
})

const BROKE = 'What the worker carried ended with it, and another one has taken its place.'

/** By the last one. */
function whyEnded(
  detail: string,
  { role }: Patient,
  oomKill: DaemonFacts['oomKill'],
): { cause: string; fix: string[] } {
  const unit = unitOf(role)
  const each = `each end: journalctl -u ${unit} | grep worker.ended`
  const report = `backstitch support-bundle ${role}: report the problem with what is in it`
  if (oomKill !== undefined) {
    return {
      cause: `A worker of this ${role} has ended. ${whyKilled(oomKill)} ${BROKE}`,
      fix: [...moreMemory(oomKill, undefined), 'or have fewer workers, with workers: 1 in its configuration'],
    }
  }
  if (detail.includes('killed by its main process')) {
    return {
      cause: `A worker of this ${role} no longer did what it was told, so the ${role} killed it. ${BROKE}`,
      fix: [
        `why: journalctl -u ${unit} | grep worker.killed`,
        `if it got no CPU time: systemctl set-property ${unit} CPUWeight=1000 CPUQuota=`,
        `otherwise ${report}`,
      ],
    }
  }
  if (detail.includes('exited: SIGKILL')) {
    return {
      cause: `A worker of this ${role} was killed by the kernel, which does that when memory runs out, by a watchdog or by a person. ${BROKE}`,
      fix: [
        'journalctl -k | grep -i "killed process"',
        `if it is listed there: raise the memory limit of ${unit}, or have fewer workers, with workers: 1 in its configuration`,
        'if not: turn off what kills it',
        each,
      ],
    }
  }
  return {
    cause: `A worker of this ${role} crashed. ${BROKE}`,
    fix: [report, each, 'until it is mended: workers: 1 in its configuration'],
  }
}
