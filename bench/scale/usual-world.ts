import { enrolDevice, enrolledConnector, put } from '../../src/control/agents/control.fixture.ts'
import type { Repositories } from '../../src/store/store.ts'

/** Ids of what was made, each list by number. */
export interface Made {
  readonly connectorGroups: string[]
  readonly users: string[]
  readonly segments: string[]
  readonly rules: string[]
  readonly connectors: string[]
  /** Of each user one. */
  readonly devices: string[]
}

export function nothingMade(): Made {
  return { connectorGroups: [], users: [], segments: [], rules: [], connectors: [], devices: [] }
}

const SEGMENTS_OF_GROUP = 40
const USERS_OF_GROUP = 25

/**
 * Each rule lets one person to one application, every tenth a group of people. A connector group serves forty
 * applications and has twenty members; one application in four is checked without pause.
 */
export async function makeUsual(tx: Repositories, size: number): Promise<Made> {
  const made = nothingMade()
  const groups = Math.ceil(size / SEGMENTS_OF_GROUP)
  for (let n = 0; n < groups; n++) {
    made.connectorGroups.push((await put(tx, 'connector-group', `g${n}`)).id)
    await put(tx, 'server-group', `sg${n}`, { connectorGroups: [`g${n}`] })
  }
  for (let n = 0; n < Math.ceil(size / USERS_OF_GROUP); n++) await put(tx, 'user-group', `team${n}`)
  for (let n = 0; n < size; n++) {
    const team = `team${Math.floor(n / USERS_OF_GROUP)}`
    made.users.push((await put(tx, 'user', `user${n}`, { groups: [team] })).id)
    const hosts = [`app${n}.corp.example`]
    const watched = n % 4 === 0
    const segment = {
      domains: watched ? hosts : [...hosts, `*.app${n}.example`],
      cidrs: [`10.${n >> 8}.${n & 255}.0/24`],
      tcp: watched ? ['443'] : ['443', '8000-8100'],
      ...{ health: watched ? 'continuous' : 'onAccess', serverGroups: [`sg${n % groups}`] },
    }
    made.segments.push((await put(tx, 'segment', `s${n}`, segment)).id)
    const who = n % 10 === 9 ? { userGroups: [team] } : { users: [`user${n}`] }
    const rule = { order: n + 1, action: 'allow', conditions: { segments: [`s${n}`], ...who } }
    made.rules.push((await put(tx, 'access-rule', `r${n}`, rule)).id)
    made.devices.push((await enrolDevice(tx, made.users[n]!, `d${n}`)).id)
    if (n % 2 === 0) {
      const group = made.connectorGroups[(n / 2) % groups]!
      made.connectors.push((await enrolledConnector(tx, group, `c${n / 2}`)).id)
    }
  }
  return made
}
