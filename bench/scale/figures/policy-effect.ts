import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { silentLog } from '../../../src/base/log.ts'
import { LoopWatch } from '../../../src/base/loop-watch.ts'
import { put } from '../../../src/control/agents/control.fixture.ts'
import { Control } from '../../../src/control/control.ts'
import { credentialsFor, Fleet } from '../agents/fleet.ts'
import { HOST, openControlPort } from '../agents/port.ts'
import { sharedNowMs } from '../agents/talk.ts'
import type { At, Figure, Measured } from '../figure.ts'
import { statisticOf } from '../results.ts'

const TIMES = 10

/** One kind of change: who has to hear what of it, and the change. */
interface Change {
  readonly name: string
  readonly hears: 'revoke' | 'probe' | 'lanes'
  readonly of: (time: number) => { readonly agents: readonly string[]; readonly work: () => Promise<unknown> }
}

/** From before the write until the last agent that it concerns has heard of it, on its own socket in another process. */
async function effect({ world, size }: At): Promise<Measured> {
  const { made, parts } = world
  // Two of everything that is connected: at 10 000 there are 5 000 agents.
  const many = Math.floor(size / 4)
  const connectors = made.connectors.slice(0, many)
  const clients = made.devices.slice(0, many)
  const stateDir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-effect-'))
  await using owned = new AsyncDisposableStack()
  owned.defer(() => rmSync(stateDir, { recursive: true, force: true }))
  cpSync(world.stateDir, stateDir, { recursive: true })
  const control = owned.use(await Control.open({ stateDir, edge: { host: HOST, port: 443 }, log: silentLog }))
  await control.edgeListens(443)
  const port = owned.use(await openControlPort(control))
  const fleet = owned.use(new Fleet())
  const asClients = (await credentialsFor(parts, 'client', clients)).map((credentials, n) => ({
    ...{ credentials, wants: `app${n}.corp.example` },
  }))
  const asConnectors = (await credentialsFor(parts, 'connector', connectors)).map((credentials) => ({
    credentials,
  }))
  await fleet.connect(port.port, [...asConnectors, ...asClients])

  const { store } = control
  const groups = made.connectorGroups.length
  const membersOf = (group: number) => connectors.filter((_, n) => n % groups === group)
  const changes: Change[] = [
    {
      name: 'a permission taken away',
      hears: 'revoke',
      of(time) {
        const id = made.rules[time]!
        const work = async () => {
          const { name, spec } = await store.objects.get('access-rule', id)
          await store.objects.put({ kind: 'access-rule', id, name, spec: { ...spec, enabled: false } })
        }
        return { agents: [clients[time]!, fleet.granted[clients[time]!]!], work }
      },
    },
    {
      name: 'an application to be watched',
      hears: 'probe',
      of(time) {
        const group = time % groups
        const spec = {
          domains: [`new${time}.example`],
          tcp: ['443'],
          serverGroups: [`sg${group}`],
          health: 'continuous',
        }
        return { agents: membersOf(group), work: () => put(store, 'segment', `new${time}`, spec) }
      },
    },
    {
      name: 'an internet rule, told to every client',
      hears: 'lanes',
      of: (time) => ({
        agents: clients,
        work: () => put(store, 'internet-rule', `out${time}`, { domains: [`*.out${time}.example`] }),
      }),
    },
  ]
  const ms: number[] = []
  const notes: string[] = []
  using watch = new LoopWatch({ intervalMs: 1 })
  for (const { name, hears, of } of changes) {
    const times: number[] = []
    for (let time = 0; time < TIMES; time++) {
      const { agents, work } = of(time)
      let startMs = 0
      const heardMs = await fleet.heard(hears, agents, () => {
        startMs = sharedNowMs()
        return work()
      })
      times.push(heardMs - startMs)
    }
    notes.push(`${name}: median ${Math.round(statisticOf('median', times)!)} ms`)
    ms.push(...times)
  }
  return { ms, heldMs: watch.longestMs, note: `${2 * many} agents; ${notes.join('; ')}` }
}

export const POLICY_EFFECT: readonly Figure[] = [
  {
    name: 'policy-effect',
    title: 'policy change until the last agent concerned has heard, half as many agents connected',
    ...{ statistic: 'max', goalMs: 1000 },
    run: effect,
  },
]
