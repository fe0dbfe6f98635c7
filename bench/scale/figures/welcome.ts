import { connected } from '../../../src/control/agents/control.fixture.ts'
import { agentHandlers } from '../../../src/control/agents/handlers.ts'
import type { At, Figure } from '../figure.ts'
import { measure } from '../measure.ts'
import type { Shape } from '../world.ts'

/** What a client is told when it comes: keys, edges, what it may reach, lanes, revocations. */
async function welcomes({ world, size }: At, who: (time: number) => number) {
  const handlers = agentHandlers(world.parts)
  await world.parts.policy()
  return measure((time) => handlers.welcome(connected('client', world.made.devices[who(time) % size]!)), {
    times: 30,
  })
}

const figure = (name: string, shape: Shape, title: string, who: (time: number) => number): Figure => ({
  ...{ name, shape, title, statistic: 'median', goalMs: 50 },
  run: (at) => welcomes(at, who),
})

export const WELCOMES: readonly Figure[] = [
  figure('welcome', 'usual', 'welcome of a client', (time) => (time + 1) * 13),
  figure('welcome-worst', 'worst', 'the same: every rule about everything, a user in 1000 groups', () => 0),
]
