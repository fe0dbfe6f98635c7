import { type Check, check, fail, pass } from '../check.ts'
import { unitOf, verifyConnected } from './words.ts'

/** Whoever looks now may well see a connection that stands; the daemon knows how often it did not. */
export const flapping: Check = check({
  name: 'stability',
  title: 'how long the connection stands',
  hop: 'self',
  needs: ['daemon'],
  after: ['daemon'],
  judge: ({ daemon: { answers, notes = [] } }, { patient }) => {
    if (!answers) return undefined
    const note = notes.find(({ code }) => code === 'FLAPPING')
    if (note === undefined) return pass('it does not come and go')
    const killed = /: \S+ DAEMON_DOWN /.test(note.detail) // the most frequent cause stands first
    return fail('FLAPPING', {
      expected: killed ? 'a daemon that runs for weeks' : 'a control connection that stands for hours',
      seen: [note.detail],
      cause: killed
        ? 'Something kills the daemon again and again, and a supervisor starts it anew.'
        : 'Something ends the connection again and again, and each time it is back: look at the period and the causes.',
      fix: killed
        ? [
            'journalctl -k | grep -i "killed process"',
            `journalctl -u ${unitOf(patient.role)} | grep -iE "watchdog|kill|oom"`,
            'turn off the watchdog that ends it, or raise the limit that it is killed for',
          ]
        : [
            'look for what has that period: an idle timeout or session limit of a firewall, a watchdog, a lease',
            `each drop with its cause: backstitch status --state ${patient.stateDir}`,
          ],
      verify: verifyConnected(patient),
    })
  },
})
