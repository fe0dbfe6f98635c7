import type { ObjectKind } from '../../../src/api/kinds.ts'
import { warningsAbout } from '../../../src/control/lint/warnings.ts'
import type { Figure, Measured } from '../figure.ts'
import { measure } from '../measure.ts'
import { statisticOf } from '../results.ts'
import type { Made } from '../usual-world.ts'
import type { Shape, World } from '../world.ts'

/** What people write, and where those of the kind are among what was made. */
const WRITTEN = {
  'access-rule': 'rules',
  segment: 'segments',
  user: 'users',
  'connector-group': 'connectorGroups',
} as const satisfies { readonly [K in ObjectKind]?: keyof Made }
type Written = keyof typeof WRITTEN

/** Each time another object, which is really written, for of one that stands much is known; and put back. */
function lintOf(kind: Written, { parts, store, made }: World): Promise<Measured> {
  const deps = { clock: parts.clock, presence: { connector: () => undefined } }
  const ids = made[WRITTEN[kind]]
  const idAt = (time: number) => ids[(Math.abs(time) * 7919) % ids.length]!
  const describe = async (time: number, description: string) => {
    const { id, name, spec } = await store.objects.get(kind, idAt(time))
    await store.objects.put({ kind, id, name, spec: { ...spec, description } })
    await parts.policy()
  }
  return measure((time) => store.reading((tx) => warningsAbout(tx, deps, [idAt(time)])), {
    times: 5,
    before: (time) => describe(time, `changed ${time}`),
    after: (time) => describe(time, ''),
  })
}

const figure = (name: string, shape: Shape, title: string): Figure => ({
  ...{ name, shape, title, statistic: 'median', goalMs: 100 },
  async run({ world }) {
    await world.parts.policy()
    const medianOf = ({ ms, cpuMs = ms }: Measured) => statisticOf('median', cpuMs)!
    const measured: [Written, Measured][] = []
    for (const kind of Object.keys(WRITTEN) as Written[]) measured.push([kind, await lintOf(kind, world)])
    const note = measured.map(([kind, one]) => `${kind} ${Math.round(medianOf(one))} ms`).join(', ')
    const [dearest] = measured.sort(([, a], [, b]) => medianOf(b) - medianOf(a))
    const [kind, most] = dearest!
    return { ...most, note: `a ${kind}: ${note}` }
  },
})

/** What is said to whoever writes one object, once policy has read it: of the kinds that people write the dearest. */
export const LINT: readonly Figure[] = [
  figure('lint-write', 'usual', 'lint of one write, of the dearest kind'),
  figure('lint-write-worst', 'worst', 'the same: every rule about everything'),
]
