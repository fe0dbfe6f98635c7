import type { At, Figure } from '../figure.ts'
import { measure } from '../measure.ts'

/** As many applications were used lately as are remembered. */
const USES = 5000

async function usedLately({ world: { parts, made }, size }: At): Promise<void> {
  for (let n = 0; n < Math.min(USES, size); n++) {
    parts.probing.used({ segment: made.segments[n]!, host: `app${n}.corp.example`, port: 443 })
  }
  await parts.probing.refresh()
}

export const PROBING: readonly Figure[] = [
  {
    name: 'probing-status',
    title: 'what to watch, looked at with each status of a connector',
    ...{ statistic: 'median', goalMs: 0.5 },
    async run(at) {
      const { parts, connectors } = at.world
      await usedLately(at)
      const all = Math.min(200, connectors.length)
      const some = connectors.slice(0, all)
      return measure(
        async () => {
          for (const one of some) await parts.probing.refresh([one])
        },
        { times: 5, divideBy: all },
      )
    },
  },
  {
    name: 'probing-change',
    title: 'what to watch, for every connector after a change',
    ...{ statistic: 'median', goalMs: 500 },
    async run(at) {
      await usedLately(at)
      return measure(() => at.world.parts.probing.refresh(), { times: 5 })
    },
  },
]
