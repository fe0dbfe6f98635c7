import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { needs } from './needs.ts'
import { type Command, finish } from './program.ts'

/** No entry in /etc/passwd has it. */
const UID = 54_321
const PROGRAM = path.resolve('src/cli/main.ts')
const ENV = { HOME: '', XDG_CONFIG_HOME: '', XDG_STATE_HOME: '', BACKSTITCH_CONTEXT: '' }

function run(...args: string[]) {
  const command: Command = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM, ...args]
  return finish(command, { uid: UID, gid: UID, env: ENV, cwd: '/' })
}

const CASES: { args: string[]; says: RegExp }[] = [
  { args: ['status'], says: /DAEMON_DOWN|CONTEXT_MISSING/ },
  { args: ['get', 'segments'], says: /CONTEXT_MISSING/ },
  { args: ['client', 'run'], says: /INVALID.*no home directory.*--state/s },
  { args: ['client', 'status', '--state', '/nonexistent'], says: /DAEMON_DOWN/ },
  { args: ['doctor', 'client'], says: /DAEMON_DOWN/ },
  { args: ['connector', '--state', '/nonexistent', '--key-file', '/nonexistent'], says: /STATE_UNWRITABLE/ },
  { args: ['support-bundle', 'client', '--out', '/nonexistent/b.tar.gz'], says: /DAEMON_DOWN/ },
]
for (const { args, says } of CASES) {
  test(`a user without a name and a home: ${args.join(' ')}`, { skip: needs('root') }, async () => {
    const { stdout, stderr } = await run(...args)
    assert.match(stdout + stderr, says)
    assert.doesNotMatch(stdout + stderr, /INTERNAL|ERR_SYSTEM_ERROR/)
  })
}
