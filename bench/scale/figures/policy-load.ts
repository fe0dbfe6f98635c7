import { put } from '../../../src/control/agents/control.fixture.ts'
import { loadPolicy } from '../../../src/control/snapshot.ts'
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
    title: 'policy that decides after one write',
    ...{ statistic: 'median', goalMs: 200 },
    async run({ world: { parts, store } }) {
      await parts.policy()
      const written = (time: number) =>
        put(store, 'segment', 'changed', { domains: [`changed${time}.example`], tcp: ['22'] }, id)
      const { id } = await put(store, 'segment', 'changed', { domains: ['changed.example'], tcp: ['22'] })
      const measured = await measure(() => parts.policy(), {
        times: 5,
        before: async (time) => void (await written(time)),
      })
      await store.objects.delete('segment', id)
      return measured
    },
  },
]
