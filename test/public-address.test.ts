import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLog } from '../src/base/log.ts'
import { Supervisor } from '../src/cli/server/supervisor.ts'
import { parseProvisioningKey } from '../src/pki/provisioning-key.ts'
import { PROGRAM } from './installation.ts'
import { finish } from './program.ts'

interface Started {
  /** Where its context file sends people and tools. */
  readonly context: string
  /** Where a connector goes that enrols with a new key. */
  readonly keyLeadsTo: string
  readonly registered: string
}

/** Starts a server on this state, asks what it tells others, and ends it. */
async function told(
  stateDir: string,
  settings: { publicHost: string; publicPort?: number },
  declare?: { host: string; port: number },
): Promise<Started> {
  const listen = { host: '127.0.0.1', port: 0 }
  const stop = new AbortController()
  const options = { stateDir, listen, drainSeconds: 0, ...settings }
  const { server } = await Supervisor.start(options, silentLog, stop.signal)
  await using _server = server
  const file = path.join(stateDir, 'context.json')
  const run = async (args: readonly string[], input?: object) => {
    const { code, stdout, stderr } = await finish([PROGRAM, '--context', file, ...args], {
      input: input && JSON.stringify(input),
    })
    assert.equal(code, 0, stderr)
    return stdout
  }
  await run(['apply', '-f', '-'], { kind: 'connector-group', name: 'here' })
  if (declare !== undefined) await run(['apply', '-f', '-'], { kind: 'edge', name: 'embedded', ...declare })
  const { edgeHost, edgePort } = parseProvisioningKey(
    (await run(['key', 'create', '--group', 'here'])).trim(),
  )
  const edge = JSON.parse(await run(['--json', 'get', 'edges', 'embedded']))
  return {
    context: JSON.parse(await readFile(file, 'utf8')).server,
    keyLeadsTo: `${edgeHost}:${edgePort}`,
    registered: `${edge.host}:${edge.port}`,
  }
}

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-public-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('behind a port that is mapped, keys, context and edges name the one that others dial', async (t) => {
  const stateDir = await scratch(t)
  assert.deepEqual(await told(stateDir, { publicHost: 'edge.test', publicPort: 443 }), {
    context: 'https://edge.test:443',
    keyLeadsTo: 'edge.test:443',
    registered: 'edge.test:443',
  })
})

test('an address that was declared counts at once, and no restart takes it back; without one the settings count', async (t) => {
  const stateDir = await scratch(t)
  const declared = { host: 'access.test', port: 8443 }
  const first = await told(stateDir, { publicHost: 'edge.test', publicPort: 443 }, declared)
  assert.deepEqual([first.keyLeadsTo, first.registered], ['access.test:8443', 'access.test:8443'])
  const again = await told(stateDir, { publicHost: 'edge.test', publicPort: 444 })
  assert.deepEqual(again, {
    context: 'https://access.test:8443',
    keyLeadsTo: 'access.test:8443',
    registered: 'access.test:8443',
  })
  const back = await told(
    stateDir,
    { publicHost: 'edge.test', publicPort: 444 },
    { host: 'edge.test', port: 444 },
  )
  assert.equal(back.registered, 'edge.test:444')
  const moved = await told(stateDir, { publicHost: 'gate.test', publicPort: 445 })
  assert.equal(
    moved.registered,
    'gate.test:445',
    'what was declared is what the settings say: they lead from here on',
  )
})
