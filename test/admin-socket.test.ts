/** Whoever runs the server gets in on its machine, whatever goes on at the network and whatever became of the edge. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { Rest } from '../src/cli/rest.ts'
import { createToken } from '../src/control/rest/auth.ts'
import { LoneServer } from './lone-server.ts'
import { succeed } from './program.ts'
import { openDirect, openRogueEdge } from './rogue-edge.ts'
import { openSite } from './site.ts'

const GROUP = 'kind: connector-group\nname: dc1\n'

/** The edge of a server, as the kernel shows it. */
function edgeOf({ child }: LoneServer): number {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
  const title = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  return Number(children.find((pid) => title(pid).startsWith('backstitch: edge')))
}

/** Stops the edge until the test is over, or it is killed. */
function stopEdge(t: TestContext, server: LoneServer): number {
  const edge = edgeOf(server)
  process.kill(edge, 'SIGSTOP')
  t.after(() => {
    if (existsSync(`/proc/${edge}`)) process.kill(edge, 'SIGKILL')
  })
  return edge
}

/** @returns The status of an answer over the socket. */
async function whoami(file: string, headers: http.OutgoingHttpHeaders): Promise<number> {
  const request = http.get({ socketPath: file, path: '/api/v1/whoami', headers, agent: false })
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage]
  answer.resume()
  return answer.statusCode!
}

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'bs-admin-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('commands on the machine of a server are answered while its edge stands still, and while it is gone', async (t) => {
  const state = await folder(t)
  const server = await LoneServer.start(t, { state })
  const edge = stopEdge(t, server)
  await assert.rejects(server.get('/healthz'), 'nothing answers at the network')
  await server.command(['apply', '-f', '-'], GROUP)
  assert.match(await server.command(['key', 'create', '--group', 'dc1']), /1\|127\.0\.0\.1:/)
  process.kill(edge, 'SIGKILL')
  assert.match(await server.command(['get', 'connector-groups']), /dc1/)
})

test('it is for the user of the server, and asks for a token and a name of ours as everywhere', async (t) => {
  const state = await folder(t)
  await LoneServer.start(t, { state })
  const file = path.join(state, 'admin.sock')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const authorization = `Bearer ${readFileSync(path.join(state, 'admin.token'), 'utf8').trim()}`
  const host = 'localhost'
  assert.equal(await whoami(file, { host }), 401)
  assert.equal(await whoami(file, { host, authorization: 'Bearer bst_guess' }), 401)
  assert.equal(await whoami(file, { host: 'evil.example', authorization }), 421)
  assert.equal(await whoami(file, { host, authorization }), 200)
})

test('a context that was copied to another machine goes over the network', async (t) => {
  const state = await folder(t)
  const server = await LoneServer.start(t, { state })
  const away = await folder(t)
  for (const name of ['context.json', 'admin.token']) await cp(path.join(state, name), path.join(away, name))
  const context = path.join(away, 'context.json')
  const program = path.resolve(import.meta.dirname, '../bin/backstitch')
  assert.match(await succeed([program, '--context', context, 'get', 'edges']), /embedded/)
  stopEdge(t, server)
  await assert.rejects(succeed([program, '--context', context, 'get', 'edges']), /CONTROL_UNREACHABLE/)
})

test('full of connections, guessed at, or with another certificate: no counter of the network stands in the way', async () => {
  await using site = await openSite({ limits: { connections: 8, connectionsPerAddress: 8 } })
  const { text: token } = await site.control.store.transaction((tx) =>
    createToken(tx, { name: 't', role: 'owner' }),
  )
  await using rogue = await openRogueEdge(site, '203.0.113.5')
  await using direct = await openDirect(site, '127.0.0.1')
  for (const way of [rogue, direct]) for (let n = 0; n < 8; n++) await way.open().catch(() => {})
  const rest = new Rest({
    ...{ file: 'context.json', server: 'https://localhost:1', token, pin: { fingerprint: '00' } },
    socket: path.join(site.dir, 'server', 'admin.sock'),
  })
  assert.equal((await rest.get<{ role: string }>('/whoami')).role, 'owner')
})
