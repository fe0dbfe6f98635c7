/** curl and wget with the local proxy as their HTTP proxy for plain http, as `http_proxy` has them; nginx answers. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import type { Address } from '../../bench/children.ts'
import { needs } from '../needs.ts'
import { type Command, finish, shell, succeed } from '../program.ts'
import { serveNginx } from './nginx.ts'
import { checksum, freeAddress, Place, randomFile, show } from './place.ts'

const MEGABYTES = 300
const REFUSED_MEGABYTES = 20
const LONG_MS = 120_000
const LOGIN = { user: 'ann', password: 'p@ss word' }

describe('plain http through the proxy', { skip: needs('curl', 'nginx', 'openssl', 'wget') }, () => {
  let place: Place
  let http: Address
  let sum: string
  let curl: Command
  let wget: Command

  before(async () => {
    http = await freeAddress('127.0.0.1') // localhost, too: one nginx that is two destinations
    place = await Place.open()
    sum = await randomFile(place.file('file'), MEGABYTES)
    await randomFile(place.file('upload'), REFUSED_MEGABYTES)
    await writeFile(place.file('users'), `${LOGIN.user}:{PLAIN}${LOGIN.password}\n`)
    const server = `location /sent/ { dav_methods PUT; create_full_put_path on; }
      location = /hello { default_type text/plain; return 200 "$host $http_connection $http_via\\n"; }
      location = /small { client_max_body_size 1m; proxy_pass http://127.0.0.1:1; }
      location = /shut { return 401 "no\\n"; }
      location /login/ { auth_basic x; auth_basic_user_file ${place.file('users')}; alias ${place.dir}/; }`
    await serveNginx(place, { server, at: { http } })
    const proxy = `http://${show(place.proxy)}`
    curl = ['curl', '-q', '-sS', '--noproxy', '', '--proxy', proxy]
    const settings = ['-e', `http_proxy=${proxy}`, '-e', 'use_proxy=yes', '-e', 'no_proxy=']
    wget = ['wget', '--no-config', '-nv', '--tries=1', ...settings]
  })
  after(() => place?.[Symbol.asyncDispose]())

  test('a file comes down and goes up whole', async () => {
    const url = `http://${show(http)}`
    const line = 'url=$1; shift; "$@" "$url" | sha256sum'
    for (const get of [
      [...curl, '--fail'],
      [...wget, '-O-'],
    ]) {
      const down = await succeed(shell(line, `${url}/file`, ...get), { timeoutMs: LONG_MS })
      assert.equal(down.slice(0, 64), sum)
    }
    const up: Command = [...curl, '--fail', '--upload-file', place.file('file'), `${url}/sent/file`]
    await succeed(up, { timeoutMs: LONG_MS })
    assert.equal(await checksum(place.file('sent/file')), sum)
    const chunked = [...curl, '--fail', '-H', 'Transfer-Encoding: chunked', '-T', '-', `${url}/sent/chunked`]
    await succeed(shell('file=$1; shift; "$@" < "$file"', place.file('file'), ...chunked), {
      timeoutMs: LONG_MS,
    })
    assert.equal(await checksum(place.file('sent/chunked')), sum)
  })

  test('one connection carries requests to one destination, then to another', async () => {
    const urls = ['localhost', 'localhost', '127.0.0.1'].map((host) => `http://${host}:${http.port}/hello`)
    const said = await succeed([...curl, '--fail', '-w', '%{num_connects}\\n', ...urls])
    assert.equal(
      said,
      'localhost  1.1 backstitch\n1\nlocalhost  1.1 backstitch\n0\n127.0.0.1  1.1 backstitch\n0\n',
    )
    const both = await succeed([...wget, '-O-', ...urls])
    assert.match(both, /^localhost.*\nlocalhost.*\n127\.0\.0\.1.*\n$/)
  })

  test('wget signs in with a user and a password in the URL', async () => {
    const { user, password } = LOGIN
    const signedIn = (secret: string) =>
      finish([
        ...wget,
        '-O',
        place.file('got'),
        `http://${user}:${encodeURIComponent(secret)}@${show(http)}/login/users`,
      ])
    const right = await signedIn(password)
    assert.equal(right.code, 0, right.stderr)
    assert.match(await readFile(place.file('got'), 'utf8'), /^ann:/)
    assert.equal((await signedIn('wrong')).code, 6, 'authentication failed')
  })

  test('an answer that refuses an upload reaches the program that sends it', async () => {
    for (const [path, status] of [
      ['small', '413'],
      ['shut', '401'],
    ]) {
      for (let i = 0; i < 9; i++) {
        const post: Command = [
          ...curl,
          '-H',
          'Expect:',
          '--data-binary',
          `@${place.file('upload')}`,
          '-o',
          place.file('answer'),
        ]
        const { stdout } = await finish([...post, '-w', '%{http_code}', `http://${show(http)}/${path}`])
        assert.equal(stdout, status, `attempt ${i}`)
      }
    }
  })
})
