import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withinLoopBudget } from '../base/loop-watch.fixture.ts'
import { pageThrough } from './page.ts'
import { openStore } from './store.ts'

/** Numbers from the top down, of which a few pass. */
function numbers(count: number, passes: (n: number) => boolean) {
  const below = (after: string | undefined) => (after === undefined ? count : Number(after))
  let looks = 0
  return {
    looks: () => looks,
    windows: {
      key: (n: number) => String(n),
      async end(after: string | undefined, rows: number) {
        const end = below(after) - rows
        return end >= 0 ? String(end) : undefined
      },
      async matching(after: string | undefined, end: string | undefined, limit: number) {
        looks++
        const found: number[] = []
        for (let n = below(after) - 1; n >= Number(end ?? 0) && found.length < limit; n--)
          if (passes(n)) found.push(n)
        return found
      },
    },
  }
}

test('what passes is found from window to window, each once, whatever the page', async () => {
  const { windows } = numbers(50_000, (n) => n % 9999 === 5)
  const all: number[] = []
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await pageThrough({ limit: 2, cursor }, windows)
    assert.ok(page.items.length <= 2)
    all.push(...page.items)
    cursor = page.next
  }
  assert.deepEqual(
    all,
    [49_995 + 5, 39_996 + 5, 29_997 + 5, 19_998 + 5, 9999 + 5, 5].filter((n) => n < 50_000),
  )
})

test('a page that finds nothing ends after a while, and says where to go on', async () => {
  const { windows, looks } = numbers(100_000, (n) => n === 7)
  let atMs = 0
  const page = (cursor?: string) => pageThrough({ limit: 10, cursor }, windows, () => atMs++)
  const first = await page()
  assert.deepEqual(first.items, [])
  assert.equal(looks(), 20)
  const second = await page(first.next)
  const third = await page(second.next)
  assert.deepEqual(third, { items: [7] })
})

test('audit: a filter that nothing passes, and pages of one that few pass', async () => {
  await using store = await openStore({ file: ':memory:' })
  await store.transaction(async (tx) => {
    for (let n = 0; n < 9000; n++) {
      const actor = n % 4000 === 0 ? 'ada' : 'policy'
      await tx.audit.append({ actor, action: 'x', object: `o${n}`, detail: {} })
    }
  })
  const nobody = await withinLoopBudget(() => store.audit.list({ limit: 100, actor: 'nobody' }))
  assert.deepEqual(nobody, { items: [] })
  const first = await store.audit.list({ limit: 2, actor: 'ada' })
  assert.deepEqual(
    first.items.map(({ object }) => object),
    ['o8000', 'o4000'],
  )
  const rest = await store.audit.list({ limit: 2, actor: 'ada', cursor: first.next })
  assert.deepEqual(
    rest.items.map(({ object }) => object),
    ['o0'],
  )
  assert.equal(rest.next, undefined)
})
