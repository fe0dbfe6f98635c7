/**
 * Codes that no variant of the lab shows, each brought about for real: what is printed as fix is done, and what is
 * printed to verify it differs between broken and mended.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../bench/ports.ts'
import { StatusSocket } from '../src/base/status-socket.ts'
import { DATABASE } from '../src/store/backup-file.ts'
import { PROGRAM } from './installation.ts'
import { LoneServer } from './lone-server.ts'
import { needs } from './needs.ts'
import { finish, succeed } from './program.ts'

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-told-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('AUDIT_BROKEN: a record that somebody changed is named, and a backup is what it was before', async (t) => {
  const dir = await scratch(t)
  const state = path.join(dir, 'server')
  const server = await LoneServer.start(t, { state })
  const verify = () => finish([PROGRAM, '--context', path.join(state, 'context.json'), 'audit', 'verify'])
  await server.post('/api/v1/user-groups', { name: 'staff' })
  await succeed([PROGRAM, 'store', 'backup', path.join(dir, 'monday'), '--state', state])
  {
    using database = new DatabaseSync(path.join(state, DATABASE), { timeout: 5000 })
    database.exec("update audit set detail = '{}' where seq = (select max(seq) from audit)")
  }
  const broken = await verify()
  assert.equal(broken.code, 1)
  assert.match(broken.stderr, /^AUDIT_BROKEN \(control\): .*record \d+: /)
  assert.match(broken.stderr, /fix +Restore the store from a backup/)
  assert.match(broken.stderr, /verify +backstitch audit verify prints: chain intact/)
  assert.doesNotMatch(broken.stdout, /chain intact/)

  assert.equal(await server.stop(), 0)
  await succeed([PROGRAM, 'store', 'restore', path.join(dir, 'monday'), '--state', state])
  await LoneServer.start(t, { state, port: server.port })
  const mended = await verify()
  assert.match(mended.stdout, /^chain intact: /, mended.stderr)
})

test('PRECONDITION_FAILED: who changes what somebody else has changed is told, reads it again, and may', async (t) => {
  const server = await LoneServer.start(t, { state: path.join(await scratch(t), 'server') })
  const made = await server.post('/api/v1/user-groups', { name: 'staff' })
  const { id } = JSON.parse(made.body) as { id: string }
  const change = (description: string, etag: string) =>
    server.put(`/api/v1/user-groups/${id}`, { name: 'staff', description }, { 'if-match': etag })
  assert.equal((await change('by one', '"1"')).status, 200)

  const late = await change('by another', '"1"')
  assert.equal(late.status, 412, late.body)
  const problem = JSON.parse(late.body) as Record<string, string>
  assert.equal(problem.code, 'PRECONDITION_FAILED')
  assert.match(problem.detail!, /is at version 2$/)
  assert.match(problem.fix!, /^Read the object again/)
  assert.equal(problem.verify, 'the same request succeeds')

  const { version } = JSON.parse((await server.read(`/api/v1/user-groups/${id}`)).body) as { version: number }
  const again = await change('by another', `"${version}"`)
  assert.equal(again.status, 200, again.body)
})

test('DAEMON_UNASKED: who may not ask is not told that no daemon runs, and who asks as printed sees it', {
  skip: needs('root'),
}, async (t) => {
  const state = await scratch(t)
  const document = { role: 'connector', version: '1', pid: process.pid, state: 'healthy', stages: [] }
  const ask = (...before: string[]) => finish(['env', ...before, PROGRAM, 'status', '--state', state])
  {
    await using _daemon = await StatusSocket.open(path.join(state, 'status.sock'), () => document)
    const refused = await ask('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups')
    assert.equal(refused.code, 4, refused.stderr)
    assert.match(refused.stderr, /^DAEMON_UNASKED \(client\): .*status\.sock: EACCES for \S+/)
    assert.match(refused.stderr, /fix +Run the command as that user or as root: sudo backstitch status/)
    assert.doesNotMatch(refused.stdout, /version/)

    const asRoot = await ask()
    assert.match(asRoot.stdout, /, version 1/, asRoot.stderr)
  }
  const gone = await ask()
  assert.match(gone.stderr, /^DAEMON_DOWN /)
})

test('CONTROL_STARTING: while another program holds the port of the edge, nothing is called ready', async (t) => {
  const state = path.join(await scratch(t), 'server')
  const port = await freePort()
  const holder = net.createServer((socket) => socket.destroy()).listen(port, '127.0.0.1')
  await once(holder, 'listening')
  t.after(() => holder.close())
  const socketPath = path.join(state, 'admin.sock')
  const ready = async (): Promise<{ status: number; body: string }> => {
    const headers = { host: `127.0.0.1:${port}` }
    const request = http.get({ socketPath, path: '/readyz', headers, agent: false })
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage]
    return { status: answer.statusCode!, body: (await answer.toArray()).join('') }
  }
  /** Until it is that, or for a minute. */
  const reaches = async (wanted: number) => {
    const lateMs = performance.now() + 60_000
    for (;;) {
      const said = await ready().catch(() => undefined)
      if (said?.status === wanted) return said.body
      assert.ok(performance.now() < lateMs, `${wanted} is answered; it was ${said?.status} ${said?.body}`)
      await pause(50)
    }
  }
  const starting = LoneServer.start(t, { state, port })
  const problem = JSON.parse(await reaches(503)) as Record<string, string>
  assert.equal(problem.code, 'CONTROL_STARTING')
  assert.match(problem.detail!, /the edge is not listening yet/)
  assert.match(problem.cause!, /^Its own edge is not listening yet/)
  assert.match(problem.fix!, /check the server's log for why its edge is not listening/)
  assert.equal(problem.verify, 'GET /readyz answers 200')

  holder.close()
  await reaches(200)
  await starting
})
