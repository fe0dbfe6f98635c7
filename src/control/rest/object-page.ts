import type { ObjectKind } from '../../api/kinds.ts'
import { nextTurn, turnIsOver } from '../../base/slices.ts'
import { cursorAfter, type PageQuery } from '../../store/page.ts'
import type { RestDeps } from './deps.ts'
import { objectResources } from './present.ts'
import { SegmentStates } from './segment-states.ts'

/** A page ends here though its `limit` is not reached: a thousand rules of a thousand people are 70 MB. */
const MAX_PAGE_BYTES = 1024 * 1024
/** As many are read and looked up together. */
const AT_ONCE = 32

/** Objects of a kind by name, each as text, with a turn of the event loop between some and the next. */
export async function objectPage(
  { store, presence, policy }: Pick<RestDeps, 'store' | 'presence' | 'policy'>,
  kind: ObjectKind,
  { limit, cursor }: PageQuery,
): Promise<{ readonly texts: string[]; readonly next?: string }> {
  const texts: string[] = []
  const states = kind === 'segment' ? new SegmentStates(await policy(), presence.vitals) : undefined
  let bytes = 0
  let next = cursor
  while (texts.length < limit) {
    const page = await store.objects.list(kind, {
      limit: Math.min(AT_ONCE, limit - texts.length),
      cursor: next,
    })
    const resources = await objectResources(store, page.items, presence)
    for (const [at, resource] of resources.entries()) {
      if (turnIsOver()) await nextTurn()
      const text = JSON.stringify({ ...resource, ...states?.of(page.items[at]!.id) })
      bytes += Buffer.byteLength(text)
      if (bytes > MAX_PAGE_BYTES && texts.length > 0) return { texts, next }
      texts.push(text)
      next = cursorAfter(page.items[at]!.name)
    }
    if (page.next === undefined) return { texts }
  }
  return { texts, next }
}
