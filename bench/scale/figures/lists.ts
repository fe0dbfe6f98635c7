import { newId } from '../../../src/base/ids.ts'
import type { At, Figure, Measured } from '../figure.ts'
import { type LargeWorld, largeWorld } from '../large-world.ts'
import { measure } from '../measure.ts'

const LISTS = [
  ...['segments', 'access-rules', 'users', 'connectors', 'client-devices', 'provisioning-keys'],
  ...['sessions', 'denials', 'audit'],
]
const GOAL_MS = 50
const PAGES_IN = 5

export const LISTS_AT_SIZE: readonly Figure[] = [
  {
    name: 'list-page',
    title: 'one page of a list, any kind, first and deep',
    statistic: 'max',
    goalMs: GOAL_MS,
    shape: 'none',
    run: ({ size }) => each(size, async (world) => [...LISTS, ...(await deep(world))]),
  },
  {
    name: 'list-filtered',
    title: 'one page of sessions, denials or audit, any filter',
    statistic: 'max',
    goalMs: GOAL_MS,
    shape: 'none',
    run: ({ size }) => each(size, async ({ filled }) => filtered(filled)),
  },
  {
    name: 'read-one',
    title: 'one object, connector or device with all that belongs to it',
    statistic: 'max',
    goalMs: GOAL_MS,
    shape: 'none',
    run: ({ size }) =>
      each(size, async ({ filled: { connectors, devices } }) => [
        ...['segments/app7', 'access-rules/rule7', 'users/user7', 'segments/app7/health'],
        ...[`connectors/${connectors[7]}`, `connectors/${connectors[7]}/outages`],
        ...[`client-devices/${devices[7]}`, `provisioning-keys/key7`],
      ]),
  },
  {
    name: 'metrics',
    title: '/metrics',
    statistic: 'max',
    goalMs: 20,
    shape: 'none',
    async run({ size }: At): Promise<Measured> {
      const { rest, store } = await largeWorld(size)
      const note = `${await store.sessions.countOpen()} sessions open`
      return { ...(await measure(() => rest.ask('GET', '/metrics'), { times: 20 })), note }
    },
  },
]

/** Every one of these, some times; the note names the slowest. */
async function each(
  size: number,
  pathsOf: (world: LargeWorld) => Promise<readonly string[]>,
): Promise<Measured> {
  const world = await largeWorld(size)
  const all = { ms: [] as number[], cpuMs: [] as number[], heldMs: 0 }
  let slowest = { path: '', cpuMs: 0 }
  for (const path of await pathsOf(world)) {
    const { ms, cpuMs = [], heldMs = 0 } = await measure(() => world.get(`/api/v1/${path}`), { times: 5 })
    all.ms.push(...ms)
    all.cpuMs.push(...cpuMs)
    all.heldMs = Math.max(all.heldMs, heldMs)
    const most = Math.max(...cpuMs)
    if (most > slowest.cpuMs) slowest = { path, cpuMs: most }
  }
  return { ...all, note: `slowest: ${slowest.path.replaceAll(/_[0-9a-z]{20,}/g, '')}` }
}

async function deep({ get }: LargeWorld): Promise<string[]> {
  const paths: string[] = []
  for (const list of LISTS) {
    let cursor = ''
    for (let page = 0; page < PAGES_IN; page++) {
      const { next } = await get(`/api/v1/${list}?limit=1000${cursor}`)
      if (next === undefined) break
      cursor = `&cursor=${next}`
    }
    paths.push(`${list}?limit=100${cursor}`)
  }
  return paths
}

/** Somebody who is not there any more. */
const GONE = newId('usr')

function filtered({ users, devices, connectors, segments, rules }: LargeWorld['filled']): string[] {
  const one = [
    ...[
      'state=open',
      'state=closed',
      'closeReason=done',
      'closeReason=DIAL_REFUSED',
      'closeReason=NONE_SUCH',
    ],
    ...[`user=${users[7]}`, 'user=user7', `user=${GONE}`, `device=${devices[7]}`],
    ...[`connector=${connectors[7]}`, `segment=${segments[7]}`, 'segment=app7', `rule=${rules[7]}`],
    ...['host=app7.corp.example', 'host=nowhere'],
  ]
  const two = [
    ...[`state=open&segment=${segments[7]}`, `state=closed&user=${users[7]}`, 'state=open&closeReason=done'],
    ...[`connector=${connectors[7]}&segment=${segments[8]}`, `user=${users[7]}&state=open&host=nowhere`],
  ]
  const audit = [
    ...['actor=nobody', `actor=${encodeURIComponent('token admin (tok_1)')}`, 'action=segment.update'],
    ...['action=grant.issue', 'action=none.such', 'object=segment%20100', 'object=nothing'],
    'action=grant.issue&object=segment%20100',
  ]
  return [
    ...[...one, ...two].map((filter) => `sessions?${filter}`),
    ...audit.map((filter) => `audit?${filter}`),
    ...['user=user7', `user=${GONE}`].map((filter) => `denials?${filter}`),
  ]
}
