import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../base/faults.ts'
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

const FAILURES = [
  { errno: 'ENOTFOUND', code: 'APP_NAME_NXDOMAIN' },
  { errno: 'EAI_AGAIN', code: 'APP_RESOLVER_DOWN' },
  { errno: 'EAI_FAIL', code: 'APP_RESOLVER_DOWN' },
]
for (const { errno, code } of FAILURES) {
  test(`Resolver: ${errno} is ${code}, says who was asked for what, and is not kept`, async () => {
    let asked = 0
    using resolver = new Resolver({
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
    assert.deepEqual(await resolver.addresses('hr.example'), ['10.0.0.1'])
  })
}

test('Resolver: a name without an address is NXDOMAIN, not an empty success', async () => {
  using resolver = new Resolver({ lookup: async () => [] })
  await assert.rejects(Promise.resolve(resolver.addresses('a')), { code: 'APP_NAME_NXDOMAIN' })
})

test('Resolver: a resolver that does not answer is a fault in time, and holds no more than its share', async () => {
  const waiting: (() => void)[] = []
  let running = 0
  using resolver = new Resolver({
    timeoutMs: 40,
    maxRunning: 2,
    lookup: () => {
      running++
      return new Promise((resolve) => waiting.push(() => resolve([{ address: '10.0.0.9' }])))
    },
  })
  const names = ['a', 'b', 'c', 'd']
  const keepAlive = setInterval(() => {}, 1000) // the deadlines of the resolver hold no process open
  const results = await Promise.allSettled(names.map((name) => resolver.addresses(name)))
  clearInterval(keepAlive)
  for (const result of results) {
    assert.equal(result.status, 'rejected')
    assert.equal((result as PromiseRejectedResult).reason.code, 'APP_RESOLVER_DOWN')
  }
  assert.equal(running, 2, 'two threads of the pool, never four')
  for (const finish of waiting) finish()
  const later = resolver.addresses('e')
  await new Promise(setImmediate)
  waiting.at(-1)!()
  assert.deepEqual(await later, ['10.0.0.9'], 'and recovers')
})

test('Resolver reads what the system knows: localhost, and a name that cannot exist', async () => {
  using resolver = new Resolver()
  assert.ok((await resolver.addresses('localhost')).includes('127.0.0.1'))
})
