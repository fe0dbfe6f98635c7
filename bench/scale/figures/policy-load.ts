import { put } from '../../../src/control/agents/control.fixture.ts'
import { loadPolicy } from '../../../src/control/base/policy-now.ts'
import type { Figure } from '../figure.ts'
import { measure } from '../measure.ts'

export const POLICY_LOADS: readonly Figure[] = [
  {
    name: 'policy-start',
    title: 'policy read as a whole, as at the start',
    statistic: 'median',
    run: ({ world }) => measure(() => loadPolicy(world.store), { times: 3, warmUp: 0 }),
  },
  {
    name: 'policy-change',
    title: 'one write until policy decides by it',
    ...{ statistic: 'median', goalMs: 200 },
    async run({ world: { parts, store } }) {
      await parts.policy()
      const segment = (time: number) => ({ domains: [`changed${time}.example`], tcp: ['22'] })
      const { id } = await put(store, 'segment', 'changed', segment(-2))
      const measured = await measure(
        async (time) => {
          await put(store, 'segment', 'changed', segment(time), id)
          await parts.policy()
        },
        { times: 5 },
      )
      await store.objects.delete('segment', id)
      return measured
    },
  },
]
