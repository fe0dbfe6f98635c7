/** What a connector says of itself is told wherever somebody looks at it, or at a way that leads through it. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { writeContext, writeToken } from '../src/cli/context.ts'
import { createToken } from '../src/control/rest/auth.ts'
import { openClientSite, USER, until } from './client-site.ts'
import { PROGRAM } from './installation.ts'
import { enrolConnector, placeOf, RogueAgent } from './misuse-agent.ts'
import { succeed } from './program.ts'

const STATUS = {
  ...({ type: 'status', state: 'healthy' } as const),
  ...{ sessions: 0, tunnels: 0, cpuPercent: 0, rssBytes: 0 },
}
/** A command takes a second, and ten where others use the machine. */
const SLOW_MS = 60_000
const SAID = 'this process was paused for 12.0 s'

test('a note is in describe, in the list and in a trace while it is said, and in none of them after', async (t) => {
  const opened = await openClientSite()
  t.after(() => opened[Symbol.asyncDispose]())
  const { site } = opened
  const place = placeOf(site)
  const connector = await RogueAgent.connect(place, await enrolConnector(place, await site.key()))
  t.after(() => connector.channel[Symbol.asyncDispose]())
  const id = connector.welcome.agent

  const { text } = await createToken(site.control.store, { name: 'admin', role: 'owner' })
  const context = path.join(site.dir, 'context.json')
  await writeToken(path.join(site.dir, 'admin.token'), text)
  const server = `https://127.0.0.1:${site.edge.port}`
  await writeContext(context, {
    server,
    fingerprint: site.front.publicPin.fingerprint,
    tokenFile: 'admin.token',
  })
  const run = (...args: string[]) => succeed([PROGRAM, '--context', context, ...args])
  const notesKnown = async () => {
    const { live } = JSON.parse(await run('--json', 'get', 'connector', id)) as {
      live: { notes?: { code: string }[] }
    }
    return live.notes ?? []
  }
  const views = async () => {
    const [described, list, traced] = await Promise.all([
      run('describe', 'connector', id),
      run('get', 'connectors'),
      run('trace', USER, 'localhost:443').catch(({ message }: Error) => message),
    ])
    return { described, row: list.split('\n').find((line) => line.includes(id)) ?? '', traced }
  }

  connector.channel.send({ ...STATUS, notes: [{ code: 'STOOD_STILL', hop: 'connector', detail: SAID }] })
  await until(async () => (await notesKnown()).length > 0, SLOW_MS)
  const during = await views()
  assert.match(during.described, new RegExp(`^connector STOOD_STILL: ${SAID}$`, 'm'))
  assert.doesNotMatch(during.described, /^ *notes /m)
  assert.match(during.row, /STOOD_STILL/)
  assert.match(during.traced, new RegExp(`from its own check: STOOD_STILL: ${SAID}`))

  connector.channel.send(STATUS)
  await until(async () => (await notesKnown()).length === 0, SLOW_MS)
  const after = await views()
  for (const shown of Object.values(after)) assert.doesNotMatch(shown, /STOOD_STILL/)
})
