import { CLIENT_KIND } from '../../../src/control/access/authorize.ts'
import { permitOrTell } from '../../../src/control/access/told.ts'
import type { At, Figure } from '../figure.ts'
import { measureSteps } from '../measure.ts'
import type { Shape } from '../world.ts'

const TIMES = 1000
const GOAL_MS = 5

/** One question, asked of policy as a client asks it: the answer, and what the user is told of a no. */
async function decisions({ world, size }: At, askedOf: (n: number) => Asked, expect: 'yes' | 'no') {
  const policy = await world.parts.policy()
  const nowMs = Date.now()
  return measureSteps((time) => {
    const { who, host } = askedOf((Math.abs(time) * 7919) % size)
    const asked = { user: world.made.users[who]!, device: world.made.devices[who]!, posture: {}, host }
    try {
      permitOrTell(policy, { ...asked, clientKind: CLIENT_KIND, port: 443, protocol: 'tcp', nowMs })
      if (expect === 'no') throw new Error(`Cannot measure a no: ${host} was allowed`)
    } catch (error) {
      if (expect === 'yes' || !(error instanceof Error && 'told' in error)) throw error
    }
  }, TIMES)
}

interface Asked {
  /** Number of the user. */
  readonly who: number
  readonly host: string
}

function figure(
  expect: 'yes' | 'no',
  shape: Shape,
  title: string,
  askedOf: (n: number, size: number) => Asked,
): Figure {
  return {
    name: `decision-${expect}${shape === 'worst' ? '-worst' : ''}`,
    ...{ title, shape, statistic: 'p99', goalMs: GOAL_MS },
    run: (at) => decisions(at, (n) => askedOf(n, at.size), expect),
  }
}

export const DECISIONS: readonly Figure[] = [
  figure('yes', 'usual', 'one decision, allowed', (n) => ({ who: n, host: `app${n}.corp.example` })),
  figure('no', 'usual', 'one decision, denied and told why', (n, size) => ({
    who: (n + 50) % size,
    host: `app${n}.corp.example`,
  })),
  figure('yes', 'worst', 'the same: every rule about everything, a user in 1000 groups', (n) => ({
    who: 0,
    host: `x.y.b${n & 1}.b${(n >> 1) & 1}.t0.example`,
  })),
  figure('no', 'worst', 'the same, denied and told why', (n) => ({
    who: 1,
    host: `2001:db8:${n.toString(16)}::1`,
  })),
]
