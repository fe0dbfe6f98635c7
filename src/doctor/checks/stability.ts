import { type Check, type Failure, fail } from '../check.ts'
import type { Patient } from '../patient.ts'
import { daemonNote } from './daemon-note.ts'
import { hopOfRole, unitOf, verifyHealthy } from './words.ts'

/** Whoever looks now may well see a connection that stands; the daemon knows how often it did not. */
export const flapping: Check = daemonNote({
  name: 'stability',
  title: 'how stable the control connection is',
  well: 'it is not flapping',
  notes: {
    FLAPPING: ({ detail }, patient) => flaps(detail, patient),
    STOOD_STILL: ({ detail }, patient) => stoodStill(detail, patient),
  },
})

function flaps(detail: string, patient: Patient): Failure {
  const unit = unitOf(patient.role)
  const common = { seen: [detail], verify: verifyHealthy(patient) } // ten minutes after the last drop
  const most = /: \S+ (\S+) /.exec(detail)?.[1] // the most frequent cause stands first
  if (most === 'DAEMON_DOWN') {
    return fail('FLAPPING', {
      ...common,
      expected: 'a daemon that runs for weeks',
      cause: 'Something kills the daemon again and again, and a supervisor restarts it.',
      fix: [
        'journalctl -k | grep -i "killed process"',
        `journalctl -u ${unit} | grep -iE "watchdog|kill|oom"`,
        'turn off the watchdog that kills it, or raise the limit that it exceeds',
      ],
    })
  }
  if (most === 'STOOD_STILL') {
    return fail('FLAPPING', {
      ...common,
      expected: 'a daemon that is never paused for seconds',
      cause:
        'This process is paused again and again and loses its connection each time: the network is not at fault.',
      fix: haltFix('each pause with its cause', patient),
    })
  }
  return fail('FLAPPING', {
    ...common,
    expected: 'a control connection that stays up for hours',
    cause:
      'Something drops the connection again and again, and each time it comes back: check the period and the causes.',
    fix: [
      `each drop with its cause: backstitch status --state ${patient.stateDir}`,
      'raise the idle timeout or session limit of the firewall that has that period, or exempt the edge from it',
    ],
  })
}

function stoodStill(detail: string, patient: Patient): Failure {
  return fail('STOOD_STILL', {
    hop: hopOfRole(patient.role),
    expected: 'a daemon that is never paused for seconds',
    seen: [detail],
    cause: `This process was paused for some seconds a moment ago, and its peers gave up on it: the network is not at fault. ${whyHalted(detail)}`,
    fix: haltFix('how often', patient),
    verify: verifyHealthy(patient),
  })
}

function whyHalted(detail: string): string {
  if (detail.includes('was suspended')) return 'Its machine was suspended.'
  if (detail.includes('got no processor time')) return 'Other work used the CPUs of its machine.'
  if (detail.includes('single step')) return 'It was busy in one step, which is a defect: please report it.'
  return 'A signal stopped it, or the hypervisor paused its machine: for a snapshot, a backup or a migration.'
}

function haltFix(look: string, { stateDir, role }: Patient): string[] {
  return [
    `${look}: backstitch status --state ${stateDir}`,
    'take snapshots and backups of this virtual machine without pausing it, or outside working hours',
    `if it got no CPU time: systemctl set-property ${unitOf(role)} CPUWeight=1000 CPUQuota=`,
  ]
}
