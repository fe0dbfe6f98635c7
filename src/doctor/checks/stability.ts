import { type Check, type Failure, fail } from '../check.ts'
import type { Patient } from '../patient.ts'
import { daemonNote } from './daemon-note.ts'
import { hopOfRole, unitOf, verifyHealthy } from './words.ts'

/** Whoever looks now may well see a connection that stands; the daemon knows how often it did not. */
export const flapping: Check = daemonNote({
  name: 'stability',
  title: 'how long the connection stands',
  well: 'it does not come and go',
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
      cause: 'Something kills the daemon again and again, and a supervisor starts it anew.',
      fix: [
        'journalctl -k | grep -i "killed process"',
        `journalctl -u ${unit} | grep -iE "watchdog|kill|oom"`,
        'turn off the watchdog that ends it, or raise the limit that it is killed for',
      ],
    })
  }
  if (most === 'STOOD_STILL') {
    return fail('FLAPPING', {
      ...common,
      expected: 'a daemon that is never halted for seconds',
      cause:
        'This process is halted again and again, and loses its connection each time: it is not the network.',
      fix: haltFix('each halt with its cause', patient),
    })
  }
  return fail('FLAPPING', {
    ...common,
    expected: 'a control connection that stands for hours',
    cause:
      'Something ends the connection again and again, and each time it is back: look at the period and the causes.',
    fix: [
      `each drop with its cause: backstitch status --state ${patient.stateDir}`,
      'raise the idle timeout or session limit of the firewall that has that period, or exempt the edge from it',
    ],
  })
}

function stoodStill(detail: string, patient: Patient): Failure {
  return fail('STOOD_STILL', {
    hop: hopOfRole(patient.role),
    expected: 'a daemon that is never halted for seconds',
    seen: [detail],
    cause: `A moment ago this process did nothing for some seconds, and was given up meanwhile: it is not the network. ${whyHalted(detail)}`,
    fix: haltFix('how often', patient),
    verify: verifyHealthy(patient),
  })
}

function whyHalted(detail: string): string {
  if (detail.includes('was suspended')) return 'Its machine was suspended.'
  if (detail.includes('had no processor')) return 'Others had the processors of its machine.'
  if (detail.includes('one step')) return 'It was busy with itself, which is a defect: please report it.'
  return 'A signal stopped it, or the hypervisor halted its machine: for a snapshot, a backup, a migration.'
}

function haltFix(look: string, { stateDir, role }: Patient): string[] {
  return [
    `${look}: backstitch status --state ${stateDir}`,
    'take snapshots and backups of this virtual machine without halting it, or while nobody works',
    `where it had no processor: systemctl set-property ${unitOf(role)} CPUWeight=1000 CPUQuota=`,
  ]
}
