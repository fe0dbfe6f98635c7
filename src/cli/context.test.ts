import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'

import { Fault } from '../base/faults.ts'
import { CONTEXT_FILE, findContext, writeContext, writeToken, writeTokenServer } from './context.ts'

function folder(): { path: string } & Disposable {
  const made = mkdtempSync(path.join(tmpdir(), 'bs-context-'))
  return { path: made, [Symbol.dispose]: () => rmSync(made, { recursive: true }) }
}

const FINGERPRINT = Array.from({ length: 32 }, () => 'AB').join(':')

test('what the server writes is what commands find; both files are for their owner alone', async () => {
  using at = folder()
  const file = path.join(at.path, 'context.json')
  await writeToken(path.join(at.path, 'admin.token'), 'bst_secret')
  await writeContext(file, {
    server: 'https://[::1]:8443',
    fingerprint: FINGERPRINT,
    tokenFile: 'admin.token',
  })
  for (const name of ['context.json', 'admin.token']) {
    assert.equal(statSync(path.join(at.path, name)).mode & 0o777, 0o600)
  }
  const found = await findContext(file)
  assert.deepEqual(found, {
    file,
    server: 'https://[::1]:8443',
    pin: { fingerprint: FINGERPRINT, publicKey: undefined, authority: undefined },
    token: 'bst_secret',
  })
})

test('a context that is a link finds its token beside the file it leads to', async () => {
  using at = folder()
  using elsewhere = folder()
  await writeToken(path.join(at.path, 'admin.token'), 'bst_secret')
  await writeContext(path.join(at.path, 'context.json'), {
    server: 'https://e.test',
    tokenFile: 'admin.token',
  })
  const link = path.join(elsewhere.path, 'context.json')
  symlinkSync(path.join(at.path, 'context.json'), link)
  assert.equal((await findContext(link)).token, 'bst_secret')
})

test('a token never passes through a file that is there already: somebody may hold it open', async () => {
  using at = folder()
  writeFileSync(path.join(at.path, 'admin.token.new'), '', { mode: 0o644 })
  await writeToken(path.join(at.path, 'admin.token'), 'bst_secret')
  assert.equal(statSync(path.join(at.path, 'admin.token')).mode & 0o777, 0o600)
})

test('without a name it is looked for in XDG, and the fault says where', async () => {
  using at = folder()
  const env = { XDG_CONFIG_HOME: at.path }
  const fault = await findContext(undefined, env, at.path).catch((error: Fault) => error)
  assert.ok(fault instanceof Fault && fault.code === 'CONTEXT_MISSING')
  assert.ok((fault.seen.looked as string[]).includes(path.join(at.path, 'backstitch', 'context.json')))
})

test('on the machine of the server its own context is found, after those of whoever asks', async () => {
  using at = folder()
  const server = path.join(at.path, 'server')
  const own = path.join(at.path, 'own')
  const put = async (dir: string, host: string) => {
    mkdirSync(dir)
    await writeToken(path.join(dir, 'admin.token'), 'bst_secret')
    await writeContext(path.join(dir, CONTEXT_FILE), { server: `https://${host}`, tokenFile: 'admin.token' })
  }
  await put(server, 'server.example')
  const find = () => findContext(undefined, { XDG_CONFIG_HOME: at.path }, own, server)
  assert.equal((await find()).server, 'https://server.example')
  mkdirSync(own)
  await put(path.join(own, '.backstitch'), 'own.example')
  assert.equal((await find()).server, 'https://own.example')
})

for (const [name, text, wanted] of [
  ['no HTTPS', '{"version":1,"server":"http://h:1","tokenFile":"t"}', 'INVALID'],
  ['an unknown key', '{"version":1,"server":"https://h","tokenfile":"t"}', 'INVALID'],
  [
    'half a fingerprint',
    '{"version":1,"server":"https://h","fingerprint":"AB:CD","tokenFile":"t"}',
    'INVALID',
  ],
  ['a token file that is gone', '{"version":1,"server":"https://h","tokenFile":"gone"}', 'CONTEXT_MISSING'],
] as const) {
  test(`a context with ${name} is refused with ${wanted}, naming the file`, async () => {
    using at = folder()
    const file = path.join(at.path, 'context.json')
    writeFileSync(file, text)
    await assert.rejects(
      findContext(file),
      (fault: Fault) => fault.code === wanted && fault.detail.includes(file),
    )
  })
}

const SERVER = { server: 'https://real.example', fingerprint: FINGERPRINT }

/** The folder of an admin, with a token, and one of somebody who wants it. */
async function twoFolders(home: string, evil: string): Promise<string> {
  const token = path.join(home, 'admin.token')
  await writeToken(token, 'bst_secret')
  await writeTokenServer(token, SERVER)
  await writeContext(path.join(home, 'context.json'), { ...SERVER, tokenFile: 'admin.token' })
  mkdirSync(path.join(evil, '.backstitch'), { mode: 0o755 })
  return token
}

async function refusal(named: string | undefined, folder: string): Promise<Fault> {
  const fault = await findContext(named, {}, folder).catch((error: Fault) => error)
  assert.ok(fault instanceof Fault, 'the token was given away')
  assert.equal(fault.code, 'CONTEXT_REFUSED', fault.detail)
  assert.doesNotMatch(JSON.stringify([fault.message, fault.seen]), /bst_secret/)
  return fault
}

test('a context that comes with a folder names no token outside it, by path or by link', async () => {
  using home = folder()
  using evil = folder()
  const token = await twoFolders(home.path, evil.path)
  const at = path.join(evil.path, '.backstitch')
  const theirs = { server: 'https://evil.example', fingerprint: FINGERPRINT }
  symlinkSync(token, path.join(at, 'linked.token'))
  for (const tokenFile of [token, path.relative(at, token), 'linked.token']) {
    await writeContext(path.join(at, 'context.json'), { ...theirs, tokenFile })
    assert.match((await refusal(undefined, evil.path)).detail, /is elsewhere: it must be/, tokenFile)
  }
  await writeToken(path.join(at, 'own.token'), 'bst_theirs')
  await writeContext(path.join(at, 'context.json'), { ...theirs, tokenFile: 'own.token' })
  assert.equal((await findContext(undefined, {}, evil.path)).token, 'bst_theirs')
})

test('a token goes to no other server than the one it was made for', async () => {
  using home = folder()
  using evil = folder()
  await twoFolders(home.path, evil.path)
  const file = path.join(home.path, 'context.json')
  assert.equal((await findContext(file)).token, 'bst_secret')
  const another = Array.from({ length: 32 }, () => 'CD').join(':')
  for (const to of [
    { server: 'https://evil.example', fingerprint: FINGERPRINT },
    { server: 'https://real.example:8443', fingerprint: FINGERPRINT },
    { server: 'https://real.example', fingerprint: another },
    { server: 'https://real.example' },
    { ...SERVER, publicKey: another },
    { ...SERVER, authority: another },
  ]) {
    await writeContext(file, { ...to, tokenFile: 'admin.token' })
    assert.match(
      (await refusal(file, home.path)).detail,
      /issued for https:\/\/real\.example: it is not sent/,
    )
  }
  await writeContext(file, { ...SERVER, server: 'https://real.example:443', tokenFile: 'admin.token' })
  assert.equal((await findContext(file)).token, 'bst_secret', 'the same in other words')
})

/** A context with its token. @returns also all places that count: the folder, and what was made in it. */
async function contextIn(folder: string): Promise<{ file: string; places: string[] }> {
  const own = path.join(folder, '.backstitch')
  mkdirSync(own)
  const [file, token] = [path.join(own, 'context.json'), path.join(own, 'admin.token')]
  await writeToken(token, 'bst_secret')
  await writeContext(file, { ...SERVER, tokenFile: 'admin.token' })
  return { file, places: [folder, own, file, token] }
}

test('a context in a folder that others can write to is refused, found or named', async () => {
  using at = folder()
  const { file, places } = await contextIn(at.path)
  for (const place of places) {
    const { mode } = statSync(place)
    chmodSync(place, mode | 0o002)
    for (const named of [undefined, file]) {
      const { seen, detail } = await refusal(named, at.path)
      assert.equal(seen.path, place)
      assert.match(detail, /mode 0\d{3}\): chmod go-w/)
    }
    chmodSync(place, mode)
  }
  assert.equal((await findContext(undefined, {}, at.path)).token, 'bst_secret')
})

test('a context of another user is refused, and so is one below a folder of theirs', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async () => {
  using at = folder()
  const { places } = await contextIn(at.path)
  for (const place of places) {
    chownSync(place, 65_533, 65_533)
    const { seen, detail } = await refusal(undefined, at.path)
    assert.deepEqual([seen.path, seen.owner], [place, 65_533])
    assert.match(detail, /sudo -u '#65533'/)
    chownSync(place, 0, 0)
  }
})
