import { nameOf } from '../scenario.ts'
import { type Chosen, choose } from './all.ts'

/** The most usual variant of each scenario, and so each hop: what is run before anything else. */
const QUICK: ReadonlySet<string> = new Set([
  'SCN-01:kill',
  'SCN-02:expired',
  'SCN-03:clone',
  'SCN-04:nxdomain',
  'SCN-05:reset',
  'SCN-06:resigned',
  'SCN-07:required',
  'SCN-08:near-down',
  'SCN-09:minutes',
  'SCN-10:memory',
  'SCN-12:resets',
  'SCN-13:nxdomain',
  'SCN-14:refused',
  'SCN-15:blackhole',
  'SCN-16:nobody',
  'SCN-17:descriptors',
  'SCN-18:policy',
  'SCN-18:reauth',
])

/** Each variant is of one of the two. */
export function chooseQuick(quick: boolean): Chosen[] {
  return choose().filter(({ scenario, variant }) => QUICK.has(nameOf(scenario, variant)) === quick)
}
