import assert from 'node:assert/strict'
import { test } from 'node:test'
import { destination } from '../address/destination.ts'
import type { Bypass } from './bypass.ts'
import { LaneChooser, type OpeningEntry } from './lane-chooser.ts'
import type { Opener } from './open-session.ts'

const RULES = {
  bypass: [
    { pattern: '*.wiki.example', rule: 'wiki' },
    { pattern: 'both.example', rule: 'slip' },
  ],
  claimed: ['both.example', 'own.wiki.example'],
}

/** Of what an internet rule names; the type says so of each new entry. */
const WHERE: { readonly [entry in OpeningEntry]: 'internet' | 'private' } = {
  ...{ socks5: 'internet', 'http-connect': 'internet', http: 'internet', trace: 'internet' },
  ...{ forward: 'private', stdio: 'private', 'socks5-udp': 'private', 'forward-udp': 'private' },
}
for (const [entry, lane] of Object.entries(WHERE) as [OpeningEntry, 'internet' | 'private'][]) {
  test(`${entry}: what an internet rule names is ${lane}, all else private`, () => {
    const lanes = new LaneChooser()
    const at = (host: string) => lanes.choose(destination(host, 443, 'tcp'), entry)
    assert.equal(at('a.wiki.example').lane, 'private', 'no rule is known')
    lanes.set(RULES)
    assert.equal(at('a.wiki.example').lane, lane)
    assert.equal(at('own.wiki.example').lane, 'private')
    assert.equal(at('10.0.0.1').lane, 'private')
    const both = at('both.example')
    assert.ok(both.lane === 'private' && both.alsoInternet === 'slip')
  })
}

/** Never called: held by the compiler. */
export function noOtherWay(opener: Opener, bypass: Bypass): void {
  const to = destination('a.wiki.example', 443, 'tcp')
  const events = { opened: () => {}, failed: () => {} }
  // @ts-expect-error a lane that nobody chose
  opener.open({ to, entry: 'socks5', lane: 'private' }, events, 0)
  // @ts-expect-error a lane that nobody chose
  bypass.open({ to, entry: 'socks5', lane: 'internet', pattern: 'a.wiki.example', rule: 'wiki' }, events)
  // @ts-expect-error what comes in there may leave straight
  opener.open(opener.lanes.choose(to, 'socks5'), events, 0)
  // @ts-expect-error what comes in there never leaves straight
  bypass.open(opener.lanes.choose(to, 'forward'), events)
}
