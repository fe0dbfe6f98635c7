/**
 * A device and a connector that write escapes into every word they may choose, and an admin who looks: every command
 * that asks the control plane, with colour on, prints nothing of theirs that a terminal would obey.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Fault } from '../src/base/faults.ts'
import { newId } from '../src/base/ids.ts'
import { writeContext, writeToken } from '../src/cli/context.ts'
import { createToken } from '../src/control/rest/auth.ts'
import { openClientSite, PASSWORD, USER } from './client-site.ts'
import { enrolConnector, placeOf, RogueAgent, signInDevice } from './misuse-agent.ts'

const MAIN = path.resolve(import.meta.dirname, '../src/cli/main.ts')
const WORD = 'w\x1b[8m\x1b[35m\r\nverdict healthy\u009b8m\u202e\u200b'
const ARGUMENT = WORD.replaceAll(/\s/g, '')
/** Kinds of which strangers tell; of the others, and of every view by itself: src/cli/views.test.ts. */
const TOLD = ['connector', 'client-device', 'session', 'denial', 'audit']

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
const OWN_COLOURS = /\x1b\[(?:1|2|22|3[12346]|39)m/g

test('no command that asks the control plane prints what a stranger made a terminal obey', async (t) => {
  const opened = await openClientSite()
  t.after(() => opened[Symbol.asyncDispose]())
  const { site } = opened
  const place = placeOf(site)
  const { store } = site.control

  const connector = await RogueAgent.connect(place, await enrolConnector(place, await site.key()), {
    host: WORD,
    program: WORD,
  })
  t.after(() => connector.channel[Symbol.asyncDispose]())
  const note = { code: 'APP_NAME_WRONG_VIEW', hop: 'dns', detail: WORD } as const
  connector.channel.send({
    ...{ type: 'status', state: 'healthy', sessions: 0, tunnels: 0, cpuPercent: 0, rssBytes: 0 },
    notes: [note],
  })

  const client = await RogueAgent.connect(
    place,
    await signInDevice(place, { user: USER, password: PASSWORD }),
    {
      host: WORD,
      program: WORD,
      posture: { [WORD.slice(0, 20)]: WORD },
    } as object,
  )
  t.after(() => client.channel[Symbol.asyncDispose]())
  const asked = (host: string) =>
    ({ type: 'authorize', id: newId('req'), host, port: 443, protocol: 'tcp', wantPipe: false }) as const
  const granted = await client.channel.request(asked('localhost'), 8000)
  assert.ok(granted.type === 'granted')
  const denials: string[] = []
  for (const host of [WORD, 'secret.test', `${WORD}.test`]) {
    const refused = await client.channel.request(asked(host), 8000).catch((error: Fault) => error)
    assert.ok(refused instanceof Fault)
    denials.push(String(refused.seen.denial))
  }
  const batch = newId('req')
  client.channel.send({
    ...({ type: 'session', id: batch, shed: 0 } as const),
    reports: [
      {
        ...({ session: granted.session, grant: granted.grantId, side: 'client', state: 'closed' } as const),
        ...({ protocol: 'tcp', port: 443, times: {}, bytesUp: 0, bytesDown: 0 } as const),
        ...{ startedMs: Date.now(), endedMs: Date.now() },
        ...({ closeReason: 'APP_RESET', closeHop: 'application', closeDetail: WORD } as const),
      },
    ],
  })
  await client.hears('session-kept')

  const { text } = await createToken(store, { name: 'admin', role: 'owner' })
  const context = path.join(site.dir, 'context.json')
  await writeToken(path.join(site.dir, 'admin.token'), text)
  const { fingerprint } = site.front.publicPin
  const server = `https://127.0.0.1:${site.edge.port}`
  await writeContext(context, { server, fingerprint, tokenFile: 'admin.token' })
  const run = async (...args: string[]) => {
    const env = {
      ...process.env,
      FORCE_COLOR: '1',
      NO_COLOR: undefined,
      HOME: site.dir,
      XDG_CONFIG_HOME: site.dir,
    }
    const flags = ['--disable-warning=ExperimentalWarning', MAIN, '--context', context, ...args]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, flags, {
      env,
      cwd: site.dir,
    }).catch((error: { stdout: string; stderr: string }) => error)
    return stdout + stderr
  }
  const devices = await store.devices.list({ limit: 10 })
  const commands = [
    ...TOLD.flatMap((kind) => [
      ['get', kind],
      ['--json', 'get', kind],
    ]),
    ['describe', 'session', granted.session],
    ['describe', 'connector', connector.welcome.agent],
    ['describe', 'client-device', devices.items[0]!.id],
    ...denials.map((id) => ['describe', 'denial', id]),
    ['logs', 'sessions'],
    ['explain', denials[0]!],
    ['explain', granted.session],
    ['lint'],
    ['status'],
    ['trace', USER, 'secret.test:443'],
    ['trace', USER, `${ARGUMENT}:443`],
    ['get', ARGUMENT],
    ['describe', 'segment', ARGUMENT],
  ]
  let seen = 0
  for (const command of commands) {
    const out = await run(...command)
    const rest = out.replaceAll(OWN_COLOURS, '').replaceAll(/[\n\t]/g, '')
    const what = command.join(' ')
    assert.doesNotMatch(rest, /\p{Cc}|\p{Bidi_Control}|\u200b/u, JSON.stringify([what, out]))
    assert.doesNotMatch(out, /^verdict healthy/m, what)
    if (out.includes('u009b8m')) seen++
  }
  assert.match(await run('describe', 'session', granted.session), /APP_RESET.*w\\u001b\[8m/)
  assert.ok(seen >= 6, `the words came as far as ${seen} views, escaped`)
})
