import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import { type Egress, egressFor, explainEgress, readEgress } from './egress.ts'

const NO_FILE = '/nonexistent/proxy'
const EDGE = { host: 'edge.example.com', port: 443 }

interface Case {
  name: string
  flag?: string
  env?: Record<string, string>
  want: { proxy?: Egress['proxy']; source: string }
}

const HOST = { host: 'proxy.corp', port: 3128 }

const CASES: Case[] = [
  { name: 'nothing is set', want: { source: 'none' } },
  { name: 'host and port', flag: 'proxy.corp:3128', want: { proxy: HOST, source: 'flag --proxy' } },
  { name: 'a URL', flag: 'http://proxy.corp:3128/', want: { proxy: HOST, source: 'flag --proxy' } },
  {
    name: 'port 80, which is the default of http',
    flag: 'http://proxy.corp:80',
    want: { proxy: { host: 'proxy.corp', port: 80 }, source: 'flag --proxy' },
  },
  {
    name: 'credentials with escaped characters',
    flag: 'bob:p%40ss%3Aw@proxy.corp:3128',
    want: { proxy: { ...HOST, auth: { user: 'bob', password: 'p@ss:w' } }, source: 'flag --proxy' },
  },
  {
    name: 'a user of a Windows domain, and a password with what URLs divide at',
    flag: 'http://CORP\\bob:p#a/s?s@w:0rd@proxy.corp:3128',
    want: {
      proxy: { ...HOST, auth: { user: 'CORP\\bob', password: 'p#a/s?s@w:0rd' } },
      source: 'flag --proxy',
    },
  },
  {
    name: 'an IPv6 address',
    flag: '[2001:db8::1]:3128',
    want: { proxy: { host: '2001:db8::1', port: 3128 }, source: 'flag --proxy' },
  },
  {
    name: 'the flag goes before the environment',
    flag: 'proxy.corp:3128',
    env: { HTTPS_PROXY: 'http://other:1' },
    want: { proxy: HOST, source: 'flag --proxy' },
  },
  {
    name: 'the flag can switch the environment off',
    flag: 'none',
    env: { HTTPS_PROXY: 'http://other:1' },
    want: { source: 'flag --proxy (none)' },
  },
  {
    name: 'our own variable goes before the common ones',
    env: { HTTPS_PROXY: 'http://other:1', BACKSTITCH_PROXY: 'proxy.corp:3128' },
    want: { proxy: HOST, source: 'environment BACKSTITCH_PROXY' },
  },
  {
    name: 'lower case goes before upper case',
    env: { HTTPS_PROXY: 'http://other:1', https_proxy: 'http://proxy.corp:3128' },
    want: { proxy: HOST, source: 'environment https_proxy' },
  },
  {
    name: 'ALL_PROXY',
    env: { ALL_PROXY: 'http://proxy.corp:3128' },
    want: { proxy: HOST, source: 'environment ALL_PROXY' },
  },
  { name: 'an empty variable is not set', env: { HTTPS_PROXY: '' }, want: { source: 'none' } },
]

for (const { name, flag, env = {}, want } of CASES) {
  test(`readEgress: ${name}`, async () => {
    const got = await readEgress({ flag, env, file: NO_FILE })
    assert.deepEqual(got, { ...want, noProxy: [] })
  })
}

for (const bad of [
  'socks5://proxy.corp:1080',
  'https://proxy.corp:443',
  'proxy.corp',
  'proxy.corp:notaport',
  'proxy.corp:99999',
  'http://proxy.corp:3128/path',
  'bob:s3cret%zz@proxy.corp:3128',
  '@:',
]) {
  test(`readEgress refuses "${bad}" and does not quote it`, async () => {
    const refused = await readEgress({ env: { HTTPS_PROXY: bad }, file: NO_FILE }).catch((thrown) => thrown)
    assert.ok(refused instanceof Fault)
    assert.equal(refused.code, 'INVALID')
    assert.match(refused.message, /environment HTTPS_PROXY/)
    assert.doesNotMatch(refused.message, /s3cret/)
  })
}

test('readEgress reads the proxy file, with comments, and says so', async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'egress-'))
  t.after(() => rm(dir, { recursive: true }))
  const file = path.join(dir, 'proxy')
  await writeFile(file, '# set by hand\r\n\r\nbob:s3cret@proxy.corp:3128\r\n')
  const egress = await readEgress({ env: {}, file })
  assert.deepEqual(egress.proxy, { ...HOST, auth: { user: 'bob', password: 's3cret' } })
  assert.equal(egress.source, `file ${file}`)

  await writeFile(file, 'one:1\ntwo:2\n')
  await assert.rejects(readEgress({ env: {}, file }), { code: 'INVALID' })
})

test('readEgress reads a file with a byte order mark', async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'egress-'))
  t.after(() => rm(dir, { recursive: true }))
  const file = path.join(dir, 'proxy')
  await writeFile(file, '\ufeffproxy.corp:3128\r\n')
  assert.deepEqual((await readEgress({ env: {}, file })).proxy, HOST)
})

const OWN: { proxy: string; own: string; loop: boolean }[] = [
  { proxy: '127.0.0.1:9180', own: '127.0.0.1', loop: true },
  { proxy: 'localhost:9180', own: '127.0.0.1', loop: true },
  { proxy: '[::1]:9180', own: '::1', loop: true },
  { proxy: '127.0.0.1:9180', own: '0.0.0.0', loop: true },
  { proxy: '127.0.0.1:3128', own: '127.0.0.1', loop: false },
  { proxy: 'proxy.corp:9180', own: '127.0.0.1', loop: false },
]
for (const { proxy, own, loop } of OWN) {
  test(`readEgress: ${proxy} ${loop ? 'is' : 'is not'} a client that listens on ${own}:9180`, async () => {
    const reading = readEgress({ env: { HTTPS_PROXY: proxy }, file: NO_FILE, own: { host: own, port: 9180 } })
    if (loop) await assert.rejects(reading, /HTTPS_PROXY.*local proxy of this client itself/)
    else assert.ok((await reading).proxy)
  })
}

const NO_PROXY: { entry: string; host: string; straight: boolean }[] = [
  { entry: '*', host: 'edge.example.com', straight: true },
  { entry: 'example.com', host: 'edge.example.com', straight: true },
  { entry: '.example.com', host: 'edge.example.com', straight: true },
  { entry: '*.example.com', host: 'EDGE.example.com.', straight: true },
  { entry: 'example.com', host: 'evil-example.com', straight: false },
  { entry: '10.0.0.0/8', host: '10.1.2.3', straight: true },
  { entry: '10.0.0.0/8', host: '11.1.2.3', straight: false },
  { entry: '10.0.0.0/99', host: '10.1.2.3', straight: false },
  { entry: '127.0.0.1', host: '127.0.0.1', straight: true },
  { entry: 'edge.example.com:443', host: 'edge.example.com', straight: true },
  { entry: 'edge.example.com:8443', host: 'edge.example.com', straight: false },
  { entry: '.example.com:443', host: 'edge.example.com', straight: true },
  { entry: '127.0.0.1:443', host: '127.0.0.1', straight: true },
  { entry: '127.0.0.1:80', host: '127.0.0.1', straight: false },
  { entry: '[2001:db8::1]:443', host: '2001:db8::1', straight: true },
  { entry: '[2001:db8::1]:80', host: '2001:db8::1', straight: false },
  { entry: '2001:DB8:0::1', host: '2001:db8::1', straight: true },
  { entry: '2001:db8::/32', host: '2001:db8::7', straight: true },
  { entry: '[::1]', host: '::1', straight: true },
  { entry: 'nonsense/x', host: '10.1.2.3', straight: false },
]
for (const { entry, host, straight } of NO_PROXY) {
  test(`NO_PROXY=${entry} ${straight ? 'covers' : 'does not cover'} ${host}`, async () => {
    const egress = await readEgress({
      flag: 'proxy.corp:3128',
      env: { NO_PROXY: `localhost, ${entry}` },
      file: NO_FILE,
    })
    assert.equal(egressFor(egress, { host, port: 443 }) === undefined, straight)
  })
}

test('explainEgress names proxy and source and never the password', async () => {
  const egress = await readEgress({
    env: { HTTPS_PROXY: 'http://bob:s3cret@proxy.corp:3128' },
    file: NO_FILE,
  })
  const text = explainEgress(egress, EDGE)
  assert.match(text, /edge\.example\.com:443: HTTP CONNECT through proxy proxy\.corp:3128/)
  assert.match(text, /Set by: environment HTTPS_PROXY/)
  assert.match(text, /user "bob"/)
  assert.doesNotMatch(text, /s3cret/)
  assert.match(explainEgress({ ...egress, noProxy: ['example.com'] }, EDGE), /direct, because NO_PROXY/)
})
