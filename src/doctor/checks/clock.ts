import { MAX_SKEW_MS, offText } from '../../base/clock-skew.ts'
import { span } from '../../base/span.ts'
import { NOT_BEFORE_BACK_MS } from '../../pki/authority.ts'
import { type Check, check, fail, pass, unknown } from '../check.ts'
import type { FactTable } from '../facts.ts'
import { hopOfRole, verifyHealthy } from './words.ts'

const DAY_MS = 86_400_000

/** The measure is the clock of an edge that proved itself; what the sync daemon says is believed where there is none. */
export const clock: Check = check({
  name: 'clock',
  title: 'the clock of this machine',
  hop: 'control',
  needs: ['sync'],
  uses: ['tls', 'answer'],
  after: [],
  judge: ({ sync, tls, answer }, { patient }) => {
    const proved = tls !== undefined && tls.fault === undefined && tls.broken === undefined
    const slowMs = (proved ? answer?.slowMs : undefined) ?? sync.slowMs
    if (slowMs === undefined)
      return unknown(`${proved ? 'the edge sent no time' : 'no edge to compare with'}; ${sync.saw}`)
    const by = proved && answer?.slowMs !== undefined ? `the edge ${patient.edge?.host}` : sync.by
    const offset = `${offText(slowMs)} against ${by}`
    if (Math.abs(slowMs) <= MAX_SKEW_MS) return pass(offset)
    if (isKept(sync)) {
      return fail('CLOCK_SKEW', {
        hop: 'edge',
        expected: `less than ${span(MAX_SKEW_MS)} between this clock and that of the edge`,
        seen: [offset, precision(answer), sync.saw],
        cause: `The edge's clock is ${offText(-slowMs)}: this machine follows its time source.`,
        fix: ["on the edge's machine: chronyc tracking, or timedatectl", 'there: chronyc makestep'],
        verify: verifyHealthy(patient),
      })
    }
    return fail('CLOCK_SKEW', {
      hop: hopOfRole(patient.role),
      expected: `less than ${span(MAX_SKEW_MS)} between this clock and that of the edge`,
      seen: [offset, precision(answer), sync.saw],
      cause: cause(slowMs, sync),
      fix: fixes(sync),
      verify: verifyHealthy(patient),
    })
  },
})

/** A time source says that this clock is right; one that only says "synchronised" may follow a wrong one. */
function isKept({ by, synchronised, slowMs }: FactTable['sync']): boolean {
  return by === 'chronyc' && synchronised === true && slowMs !== undefined && Math.abs(slowMs) <= MAX_SKEW_MS
}

function precision(answer: FactTable['answer'] | undefined): string {
  if (answer?.slowWithinMs === undefined) return ''
  return `corrected by half the round trip; accurate to ${answer.slowWithinMs} ms`
}

function cause(slowMs: number, sync: FactTable['sync']): string {
  const off = `This clock is ${offText(slowMs)}${effect(slowMs)}.`
  if (sync.by === 'none') return `${off} No time synchronisation was found.`
  return sync.synchronised === false ? `${off} Its time synchronisation has no source.` : off
}

/** Certificates begin a little before they were made, and live for days. */
function effect(slowMs: number): string {
  if (slowMs > NOT_BEFORE_BACK_MS) return ', so certificates appear not yet valid here'
  if (slowMs < -DAY_MS) return ', so certificates appear expired here'
  return '; certificates tolerate that, but not much more'
}

function fixes(sync: FactTable['sync']): string[] {
  if (sync.by === 'chronyc') {
    return [
      'configure a reachable server in /etc/chrony.conf, then: systemctl restart chronyd',
      'chronyc makestep',
    ]
  }
  if (sync.by === 'timedatectl') return ['timedatectl set-ntp true']
  return ['apt-get install chrony, or: dnf install chrony', 'chronyc makestep']
}
