import { enrolDevice, enrolledConnector, put } from '../../src/control/agents/control.fixture.ts'
import type { Repositories } from '../../src/store/store.ts'
import { type Made, nothingMade } from './usual-world.ts'

/** Groups that the first user is in. */
const MANY_GROUPS = 1000
const DEPTH = 12

/**
 * What an index does not help with: half of the rules name neither people nor applications and are asked about
 * everything, the others name groups, in a thousand of which the first user is. Applications are wildcards within
 * wildcards and networks within networks. The last rule lets the first user to everything.
 */
export async function makeWorst(tx: Repositories, size: number): Promise<Made> {
  const made = nothingMade()
  made.connectorGroups.push((await put(tx, 'connector-group', 'g')).id)
  await put(tx, 'server-group', 'sg', { connectorGroups: ['g'] })
  await put(tx, 'posture-fact', 'managed', { valueType: 'boolean' })
  const groups = Math.min(MANY_GROUPS, size)
  const names = Array.from({ length: groups }, (_, n) => `team${n}`)
  for (const name of names) await put(tx, 'user-group', name)
  for (let n = 0; n < size; n++) {
    const user = await put(tx, 'user', `user${n}`, { groups: n === 0 ? names : [names[n % groups]!] })
    made.users.push(user.id)
    const segment = { domains: [`*.${labels(n)}`], cidrs: [network(n)], tcp: ['443'], serverGroups: ['sg'] }
    made.segments.push((await put(tx, 'segment', `s${n}`, segment)).id)
    made.rules.push((await put(tx, 'access-rule', `r${n}`, ruleOf(n, size, names))).id)
    made.devices.push((await enrolDevice(tx, user.id, `d${n}`)).id)
    if (n % 2 === 0)
      made.connectors.push((await enrolledConnector(tx, made.connectorGroups[0]!, `c${n / 2}`)).id)
  }
  return made
}

/** Of `n` in binary a label for each bit, from the left: each name is within that of `n >> 1`. */
function labels(n: number): string {
  return [...n.toString(2)]
    .reverse()
    .slice(-DEPTH)
    .map((bit) => `b${bit}`)
    .concat(`t${n >> DEPTH}`, 'example')
    .join('.')
}

/** As the names: 2001:db8::/32 and a longer prefix with each bit. */
function network(n: number): string {
  const bits = n.toString(2)
  const value = BigInt(`0b${bits}`) << BigInt(96 - bits.length)
  const groups = Array.from({ length: 6 }, (_, at) =>
    ((value >> BigInt(16 * (5 - at))) & 0xffffn).toString(16),
  )
  return `2001:db8:${groups.join(':')}/${32 + bits.length}`
}

function ruleOf(n: number, size: number, groups: readonly string[]): object {
  const order = n + 1
  if (n === size - 1) return { order, action: 'allow', conditions: { users: ['user0'] } }
  const posture = [{ fact: 'managed', equals: true }]
  if (n % 2 === 0) return { order, action: 'allow', conditions: { posture } }
  const userGroups = [groups[n % groups.length]!]
  return { order, action: n % 8 === 1 ? 'deny' : 'allow', conditions: { userGroups, posture } }
}
