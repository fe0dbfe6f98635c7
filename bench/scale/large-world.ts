import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createFirstToken } from '../../src/control/rest/auth.ts'
import { RestFixture } from '../../src/control/rest/fixture.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { type Filled, fillStore } from './large-store.ts'

/** Fifty sessions to each person: half a million at ten thousand. */
const SESSIONS_EACH = 50
const OPEN = 0.02

export interface LargeWorld {
  readonly file: string
  readonly store: Store
  readonly rest: RestFixture
  readonly filled: Filled
  /** What the API answers. @throws unless it is 200. */
  get(path: string): Promise<{ readonly items?: readonly { readonly id: string }[]; readonly next?: string }>
}

let made: { readonly size: number; readonly world: LargeWorld; readonly end: () => Promise<void> } | undefined

/** The store of one size behind the API: the figures that need it share it, and the next size takes its place. */
export async function largeWorld(size: number): Promise<LargeWorld> {
  if (made?.size === size) return made.world
  await made?.end()
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-large-'))
  const remove = () => rmSync(dir, { recursive: true, force: true })
  process.once('exit', remove)
  const file = path.join(dir, 'store.db')
  const connectors = Math.ceil(size / 2)
  const filled = await fillStore(file, {
    ...{ objects: size, connectors, sessions: size * SESSIONS_EACH, open: OPEN },
  })
  const store = await openStore({ file })
  const rest = await RestFixture.open({ control: { store, firstToken: await createFirstToken(store) } })
  rest.unref()
  const get = async (from: string) => {
    const { status, body, text } = await rest.ask('GET', from)
    if (status !== 200) throw new Error(`${from}: ${status} ${text.slice(0, 200)}`)
    return body
  }
  const end = async () => {
    await rest[Symbol.asyncDispose]()
    process.removeListener('exit', remove)
    remove()
  }
  const world = { file, store, rest, filled, get }
  made = { size, world, end }
  return world
}
