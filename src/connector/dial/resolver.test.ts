import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../../base/faults.ts'
import { Resolver } from './resolver.ts'

const refusal = (code: string) => Object.assign(new Error(code), { code })

test('Resolver asks once for a name that many sessions want, then answers at once', async () => {
  let asked = 0
  using resolver = new Resolver({
    lookup: async () => {
      asked++
      return [{ address: '10.0.0.1' }, { address: '10.0.0.1' }, { address: 'fd00::1' }]
    },
  })
  const [one, two] = await Promise.all([resolver.addresses('app'), resolver.addresses('app')])
  assert.deepEqual(one, ['10.0.0.1', 'fd00::1'])
  assert.equal(one, two)
  assert.equal(resolver.addresses('app'), one, 'the same array, with no promise')
  assert.equal(asked, 1)
})

test('Resolver: a name that stands behind a hundred silent ones of one user is looked up at once for another', async () => {
  using resolver = new Resolver({
    threads: 4,
    lookup: async (host) => (host === 'app' ? [{ address: '10.0.0.1' }] : await new Promise<never>(() => {})),
  })
  const mallory = Array.from({ length: 100 }, (_, n) => resolver.addresses(`silent${n}`, 'mallory'))
  for (const one of [...mallory, resolver.addresses('app', 'mallory')]) Promise.resolve(one).catch(() => {})
  assert.deepEqual(await resolver.addresses('app', 'asha'), ['10.0.0.1'])
})

const FAILURES = [
  { errno: 'ENOTFOUND', code: 'APP_NAME_NXDOMAIN' },
  { errno: 'EAI_AGAIN', code: 'APP_RESOLVER_DOWN' },
  { errno: 'EAI_FAIL', code: 'APP_RESOLVER_DOWN' },
]
for (const { errno, code } of FAILURES) {
  test(`Resolver: ${errno} is ${code}, says who was asked for what, and is kept for a moment only`, async () => {
    let asked = 0
    using resolver = new Resolver({
      keepFailedMs: 30,
      lookup: async () => {
        if (++asked === 1) throw refusal(errno)
        return [{ address: '10.0.0.1' }]
      },
    })
    await assert.rejects(Promise.resolve(resolver.addresses('hr.example')), (fault: Fault) => {
      assert.equal(fault.code, code)
      assert.equal(fault.hop, 'dns')
      assert.equal(fault.seen.name, 'hr.example')
      assert.equal(fault.seen.answer, errno)
      assert.ok(Array.isArray(fault.seen.resolvers))
      return true
    })
    const later = async () => resolver.addresses('hr.example')
    await assert.rejects(later(), { code })
    assert.equal(asked, 1, 'whoever asks again at once costs no lookup')
    let found: readonly string[] | undefined
    while (found === undefined) found = await later().catch(() => undefined)
    assert.deepEqual(found, ['10.0.0.1'])
  })
}

test('Resolver: a name without an address is NXDOMAIN, not an empty success', async () => {
  using resolver = new Resolver({ lookup: async () => [] })
  await assert.rejects(Promise.resolve(resolver.addresses('a')), { code: 'APP_NAME_NXDOMAIN' })
})

test('Resolver: silence of a resolver and our own shortage of threads are two faults', async () => {
  const said: string[] = []
  using resolver = new Resolver({
    ...{ timeoutMs: 40, threads: 1, lookup: () => new Promise(() => {}) },
    onBusy: ({ detail }) => said.push(detail),
  })
  assert.equal(resolver.busy, undefined)
  const keepAlive = setInterval(() => {}, 1000) // the deadlines of the resolver hold no process open
  const asked = ['silent', 'behind'].map(async (host) => resolver.addresses(host))
  const [silent, behind] = await Promise.allSettled(asked)
  await assert.rejects(async () => resolver.addresses('another'), { code: 'LOOKUPS_BUSY' })
  clearInterval(keepAlive)
  assert.equal((silent as PromiseRejectedResult).reason.code, 'APP_RESOLVER_DOWN')
  const { code, detail } = (behind as PromiseRejectedResult).reason
  assert.equal(code, 'LOOKUPS_BUSY')
  assert.doesNotMatch(detail, /silent/, 'names of others are not for whoever asks')
  assert.match(
    resolver.busy!.detail,
    /^every lookup thread is held by a name without an answer \(1\): silent$/,
  )
  assert.deepEqual(said, [resolver.busy!.detail], 'said once, not for each name')
})

test('Resolver reads what the system knows: localhost, and a name that cannot exist', async () => {
  using resolver = new Resolver()
  assert.ok((await resolver.addresses('localhost')).includes('127.0.0.1'))
})
