import { newId } from '../../../src/base/ids.ts'
import { reevaluate } from '../../../src/control/access/reevaluate.ts'
import type { Figure } from '../figure.ts'
import { measure } from '../measure.ts'

/** Every user holds one grant that policy would give again. */
export const REEVALUATION: readonly Figure[] = [
  {
    name: 'reevaluate',
    title: 'live grants looked at again, each',
    ...{ statistic: 'median', goalMs: 0.05 },
    async run({ world, size }) {
      const { parts, made } = world
      const policy = await parts.policy()
      const ids = made.segments.map((segmentId, n) => {
        const segment = policy.destinations.byId(segmentId)!
        const [connector] = policy.members(policy.connectorGroupsOf(segment))
        const id = newId('grt')
        parts.live.add({
          ...{ id, segmentId, ruleId: made.rules[n]!, connectorId: connector!.id },
          ...{ deviceId: made.devices[n]!, userId: made.users[n]!, host: `app${n}.corp.example` },
          expiresMs: Date.now() + 600_000,
          ports: { tcp: [[443, 443]], udp: [] },
        })
        return id
      })
      const measured = await measure(() => reevaluate(parts), { times: 5, divideBy: size })
      const ended = ids.filter((id) => !parts.live.has(id)).length
      for (const id of ids) parts.live.remove(id)
      if (ended > 0) throw new Error(`Cannot count this: ${ended} grants were ended`)
      return measured
    },
  },
]
