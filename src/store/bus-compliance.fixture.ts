/**
 * What every hint bus does, whatever carries its messages: a test file of a bus calls `busCompliance` once.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Bus } from './bus.ts'

/** @param make A bus of its own for each test. It tells `onError` what a receiver threw. */
export function busCompliance(name: string, make: (onError: (error: unknown) => void) => Bus): void {
  const quiet = () =>
    make((error) => {
      throw error
    })

  test(`${name}: messages of a topic arrive once each, in the order of publishing`, async () => {
    const bus = quiet()
    const heard: number[] = []
    using _policy = bus.subscribe('policy', ({ version }) => heard.push(version))
    for (let version = 1; version <= 50; version++) bus.publish('policy', { version, changed: [] })
    await turn()
    assert.deepEqual(
      heard,
      Array.from({ length: 50 }, (_, index) => index + 1),
    )
  })

  test(`${name}: messages of two topics keep their order towards each other`, async () => {
    const bus = quiet()
    const heard: string[] = []
    using _identity = bus.subscribe('identity', ({ id }) => heard.push(id))
    using _token = bus.subscribe('token', ({ id }) => heard.push(id))
    bus.publish('token', { id: 'tok_1' })
    bus.publish('identity', { kind: 'user', id: 'usr_1' })
    bus.publish('token', { id: 'tok_2' })
    await turn()
    assert.deepEqual(heard, ['tok_1', 'usr_1', 'tok_2'])
  })

  test(`${name}: receivers run in the order in which they subscribed`, async () => {
    const bus = quiet()
    const heard: string[] = []
    using _subscriptions = new DisposableStack()
    for (const who of ['first', 'second', 'third'])
      _subscriptions.use(bus.subscribe('token', () => heard.push(who)))
    bus.publish('token', { id: 'tok_1' })
    await turn()
    assert.deepEqual(heard, ['first', 'second', 'third'])
  })

  test(`${name}: a message arrives after the step that published it`, async () => {
    const bus = quiet()
    let heard = false
    using _token = bus.subscribe('token', () => {
      heard = true
    })
    bus.publish('token', { id: 'tok_1' })
    assert.equal(heard, false)
    await turn()
    assert.equal(heard, true)
  })

  test(`${name}: a receiver gets its own topic only`, async () => {
    const bus = quiet()
    const heard: string[] = []
    using _session = bus.subscribe('session', ({ ids }) => heard.push(...ids))
    bus.publish('token', { id: 'tok_1' })
    bus.publish('session', { ids: ['ses_1', 'ses_2'] })
    bus.publish('revoked', { grants: ['grt_1'], serials: [] })
    await turn()
    assert.deepEqual(heard, ['ses_1', 'ses_2'])
  })

  test(`${name}: a message without receivers is lost, not kept for those who come later`, async () => {
    const bus = quiet()
    const heard: string[] = []
    bus.publish('token', { id: 'tok_1' })
    using _token = bus.subscribe('token', ({ id }) => heard.push(id))
    await turn()
    bus.publish('token', { id: 'tok_2' })
    await turn()
    assert.deepEqual(heard, ['tok_2'])
  })

  test(`${name}: a receiver that throws is reported and keeps the message from no other`, async () => {
    const errors: unknown[] = []
    const bus = make((error) => errors.push(error))
    const heard: string[] = []
    using _before = bus.subscribe('token', ({ id }) => heard.push(`before ${id}`))
    const broken = new Error('broken receiver')
    using _broken = bus.subscribe('token', () => {
      throw broken
    })
    using _after = bus.subscribe('token', ({ id }) => heard.push(`after ${id}`))
    bus.publish('token', { id: 'tok_1' })
    bus.publish('token', { id: 'tok_2' })
    await turn()
    assert.deepEqual(heard, ['before tok_1', 'after tok_1', 'before tok_2', 'after tok_2'])
    assert.deepEqual(errors, [broken, broken])
  })

  test(`${name}: after unsubscribing nothing arrives, and others still get everything`, async () => {
    const bus = quiet()
    const heard: string[] = []
    const subscription = bus.subscribe('token', ({ id }) => heard.push(`leaving ${id}`))
    using _stays = bus.subscribe('token', ({ id }) => heard.push(`staying ${id}`))
    bus.publish('token', { id: 'tok_1' })
    await turn()
    subscription[Symbol.dispose]()
    subscription[Symbol.dispose]()
    bus.publish('token', { id: 'tok_2' })
    await turn()
    assert.deepEqual(heard, ['leaving tok_1', 'staying tok_1', 'staying tok_2'])
  })

  test(`${name}: a receiver that unsubscribes before a published message arrives does not get it`, async () => {
    const bus = quiet()
    const heard: string[] = []
    const subscription = bus.subscribe('token', ({ id }) => heard.push(id))
    bus.publish('token', { id: 'tok_1' })
    subscription[Symbol.dispose]()
    await turn()
    assert.deepEqual(heard, [])
  })

  test(`${name}: a receiver may unsubscribe itself and others while a message arrives`, async () => {
    const bus = quiet()
    const heard: string[] = []
    const later = { end() {} }
    const once = bus.subscribe('token', ({ id }) => {
      heard.push(`once ${id}`)
      once[Symbol.dispose]()
      later.end()
    })
    const ended = bus.subscribe('token', ({ id }) => heard.push(`ended ${id}`))
    later.end = () => ended[Symbol.dispose]()
    bus.publish('token', { id: 'tok_1' })
    bus.publish('token', { id: 'tok_2' })
    await turn()
    assert.deepEqual(heard, ['once tok_1'])
  })

  test(`${name}: one function subscribed twice is two subscriptions, each with its own end`, async () => {
    const bus = quiet()
    const heard: string[] = []
    const receive = ({ id }: { readonly id: string }) => void heard.push(id)
    const first = bus.subscribe('token', receive)
    using _second = bus.subscribe('token', receive)
    bus.publish('token', { id: 'tok_1' })
    await turn()
    first[Symbol.dispose]()
    bus.publish('token', { id: 'tok_2' })
    await turn()
    assert.deepEqual(heard, ['tok_1', 'tok_1', 'tok_2'])
  })

  test(`${name}: a receiver may publish, and what it publishes comes behind what is on its way`, async () => {
    const bus = quiet()
    const heard: string[] = []
    using _token = bus.subscribe('token', ({ id }) => {
      heard.push(id)
      if (id === 'tok_1') bus.publish('token', { id: 'tok_3' })
    })
    bus.publish('token', { id: 'tok_1' })
    bus.publish('token', { id: 'tok_2' })
    await turn()
    assert.deepEqual(heard, ['tok_1', 'tok_2', 'tok_3'])
  })
}
