import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wouldPass } from '../../policy/would-pass.ts'
import type { TraceHop, TraceStep } from '../../wire/control.ts'
import { Trail } from './trail.ts'
import { type About, traceCommand, verdictOf } from './verdict.ts'

const ABOUT: About = {
  ...{ user: { id: 'usr_1', name: 'ada' }, device: { id: 'dev_1', name: 'laptop', online: true } },
  ...{ host: 'wiki.internal', port: 443, protocol: 'tcp', connector: 'dc1-a', from: 'device' },
}
const TO = { host: 'wiki.internal', port: 443, protocol: 'tcp' }

function pass(hop: TraceHop): TraceStep {
  return { hop, verdict: 'pass', text: 'fine' }
}

const REFUSED: TraceStep = {
  ...{ hop: 'connect', verdict: 'fail', text: '10.0.0.5:443: ECONNREFUSED' },
  fault: { code: 'APP_REFUSED', hop: 'application', detail: '10.0.0.5:443: ECONNREFUSED' },
}

test('the first hop that fails is the story: what a later one said is not told, whenever it was said', () => {
  const told: TraceStep[] = []
  const trail = new Trail((step) => told.push(step))
  for (const hop of ['client', 'policy', 'application'] as const) trail.say(pass(hop))
  trail.say(REFUSED)
  trail.say(pass('tls'))
  const steps = trail.all('nobody said')
  const by = Object.fromEntries(steps.map(({ hop, verdict }) => [hop, verdict]))
  assert.deepEqual(by, {
    ...{ client: 'pass', policy: 'pass', selection: 'unknown', edge: 'unknown', connector: 'unknown' },
    ...{ transfer: 'unknown', dns: 'unknown', connect: 'fail', tls: 'skip', application: 'skip' },
  })
  assert.equal(steps.at(-1)?.text, 'cannot be judged until connect passes')
  assert.ok(!told.some(({ hop }) => hop === 'tls'))
})

test('a hop that passed here and is refused on the way fails; what failed does not pass later', () => {
  const trail = new Trail(() => {})
  trail.say(pass('connect'))
  trail.say(REFUSED)
  trail.say(pass('connect'))
  assert.equal(trail.failed?.fault?.code, 'APP_REFUSED')
})

test('the verdict: healthy names user, device and connector; a fault its hop, code and cause', () => {
  const good = verdictOf([pass('client'), pass('connect')], ABOUT)
  assert.equal(good.headline, 'healthy: ada on laptop reaches wiki.internal:443 through dc1-a')
  const bad = verdictOf([pass('client'), REFUSED], ABOUT)
  assert.match(bad.headline, /^connect APP_REFUSED: Nothing is listening/)
  assert.deepEqual(bad.finding?.seen, ['10.0.0.5:443: ECONNREFUSED'])
  assert.deepEqual(bad.finding?.verify, {
    run: 'backstitch trace ada wiki.internal:443 --device laptop',
    expect: 'healthy:',
  })
})

test('what could not be looked at is never called healthy', () => {
  const blind = verdictOf([pass('client'), { hop: 'transfer', verdict: 'unknown', text: '' }], ABOUT)
  assert.equal(blind.outcome, 'unknown')
  assert.match(blind.headline, /not everything could be checked: transfer/)
  const away = verdictOf([pass('policy')], { ...ABOUT, from: 'facts' })
  assert.equal(away.outcome, 'unknown')
  assert.match(away.headline, /it was not tested from laptop, which is offline/)
})

test('names that a shell would take apart give way to ids', () => {
  const user = { id: 'usr_1', name: 'ada; reboot' }
  const device = { id: 'dev_1', name: 'the laptop', online: false }
  const command = traceCommand({ user, device, host: '2001:db8::1', port: 53, protocol: 'udp' })
  assert.equal(command, "backstitch trace usr_1 '[2001:db8::1]:53' --device dev_1 --udp")
})

test('what would make it pass, by what stood in the way', () => {
  const near = { nearestRule: 'staff', condition: 'posture', wanted: ['disk = true'], seen: ['disk = false'] }
  const posture = { code: 'POSTURE_FAILED', seen: { segment: 'wiki', ...near } } as const
  assert.equal(
    wouldPass(posture, TO),
    'rule "staff" allows it once posture is disk = true (now disk = false)',
  )
  const denied = {
    code: 'POLICY_DENIED',
    detail: '',
    seen: { segment: 'wiki', rule: 'not now', ...near },
  } as const
  assert.match(
    wouldPass(denied, TO) ?? '',
    /^rule "not now", which denies, comes first: .*; rule "staff" allows it/,
  )
  const nobody = { code: 'POLICY_DENIED', seen: { segment: 'wiki' } } as const
  assert.equal(wouldPass(nobody, TO), 'an access rule that allows wiki to this user')
  const lane = { code: 'CLIENT_NOT_COVERED', seen: { rule: 'news' } } as const
  assert.equal(wouldPass(lane, TO), 'internet rule "news" without this name')
  const port = { code: 'CLIENT_WRONG_PORT' as const, seen: { segment: 'wiki', lists: ['80'] } }
  assert.equal(wouldPass(port, TO), 'tcp 443 among the ports of segment wiki (now 80)')
  assert.equal(wouldPass({ code: 'TUNNEL_LOST' }, TO), undefined)
})
