import assert from 'node:assert/strict'
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { parseTarGzip } from 'nanotar'
import { ConnectorProcess } from './connector-process.ts'
import { PROGRAM } from './installation.ts'
import { finish, succeed } from './program.ts'
import { openSite } from './site.ts'

test('a support bundle has what a helper needs and no secret, and says what was taken out where', async () => {
  await using site = await openSite()
  const stateDir = path.join(site.dir, 'connector')
  const at = (name: string) => path.join(site.dir, name)
  const keyFile = await site.keyFile()
  const key = (await readFile(keyFile, 'utf8')).trim()
  await writeFile(at('proxy'), 'none\n')
  await writeFile(
    `${stateDir}.yaml`,
    `# the old proxy: ann:hunter2@proxy.corp:3128\nproxyFile: ${at('proxy')}\n`,
  )
  await using connector = new ConnectorProcess({ stateDir, keyFile })
  await connector.event('connector.healthy')
  await writeFile(keyFile, `${key}\n`, { mode: 0o600 })
  const log = connector.lines.map((line) => JSON.stringify(line)).join('\n')
  await writeFile(
    at('log'),
    `${log}\nCookie: session=s3cr3t\nsomebody pasted ${key}\nuser ada-lovelace, "user":"ada-lovelace"\n`,
  )

  const flags = [
    '--config',
    `${stateDir}.yaml`,
    '--state',
    stateDir,
    '--log',
    at('log'),
    '--out',
    at('b.tar.gz'),
  ]
  const make = [PROGRAM, 'support-bundle', 'connector', ...flags, '--hide-names'] as const
  assert.equal((await succeed([...make])).trim(), at('b.tar.gz'))
  assert.equal((await stat(at('b.tar.gz'))).mode & 0o777, 0o600)
  const files = new Map(
    (await parseTarGzip(await readFile(at('b.tar.gz')))).map(({ name, text }) => [
      path.relative('backstitch-support', name),
      text,
    ]),
  )
  const all = [...files.values()].join('\n')
  for (const secret of ['hunter2', 's3cr3t', key, key.split('|')[2]!, 'PRIVATE KEY-----', 'ada-lovelace']) {
    assert.ok(!all.includes(secret), secret)
  }

  const json = (name: string) => JSON.parse(files.get(name)!) as { [field: string]: string | unknown[] }
  assert.equal(json('status.json').state, 'healthy')
  assert.ok((json('doctor.json').checks as unknown[]).length > 10)
  assert.equal(json('about.json').role, 'connector')
  assert.match(files.get('metrics.txt')!, /^backstitch_connector_/m)
  assert.match(files.get('config/connector.yaml')!, /proxyFile: /)
  assert.match(files.get('state-directory.txt')!, /^0600 .* identity\.json$/m)
  assert.match(files.get('log.txt')!, /connector\.healthy/)
  const report = files.get('REDACTIONS.txt')!
  assert.match(report, /^config\/connector\.yaml, line 1: password in an address$/m)
  assert.match(report, /^log\.txt, line \d+: cookie$/m)
  assert.match(report, /^log\.txt, line \d+: provisioning key$/m)

  // A second one does not write over the first.
  const again = await finish([...make])
  assert.equal(again.code, 1)
  assert.match(again.stderr, /EEXIST/)
})

test('a bundle is made where nothing runs and nothing can be read', async () => {
  await using site = await openSite()
  const out = path.join(site.dir, 'b.tar.gz')
  const flags = ['--state', path.join(site.dir, 'none'), '--log', path.join(site.dir, 'no.log'), '--out', out]
  const said = JSON.parse(await succeed([PROGRAM, '--json', 'support-bundle', 'connector', ...flags])) as {
    files: string[]
  }
  assert.ok(said.files.includes('doctor.json'))
  const texts = (await parseTarGzip(await readFile(out))).map(({ text }) => text)
  assert.ok(texts.some((text) => text.includes('no.log: ENOENT')))
})

test('a link that the service put into its state directory is not followed: root makes the bundle', async () => {
  await using site = await openSite()
  const at = (name: string) => path.join(site.dir, name)
  await mkdir(at('planted'), { mode: 0o700 })
  await writeFile(at('only-root'), 'what only root can read\n', { mode: 0o600 })
  await symlink(at('only-root'), path.join(at('planted'), 'outages.json'))
  const flags = ['--state', at('planted'), '--log', at('no.log'), '--out', at('b.tar.gz')]
  await succeed([PROGRAM, 'support-bundle', 'connector', ...flags])
  const files = await parseTarGzip(await readFile(at('b.tar.gz')))
  assert.ok(files.some(({ name, text }) => name.endsWith('outages.json') && /ELOOP/.test(text)))
  assert.ok(!files.some(({ text }) => text.includes('only root')))
})
