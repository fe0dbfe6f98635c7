/** redis-benchmark and redis-cli against Redis, by a standing forward. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { needs } from '../needs.ts'
import { shell, succeed } from '../program.ts'
import { checksum, freeAddress, Place, randomFile } from './place.ts'

const REQUESTS = 200_000

describe('Redis over the tunnel', { skip: needs('redis-server', 'redis-tools', 'openssl') }, () => {
  let place: Place
  let at: string[]

  before(async () => {
    const store = await freeAddress()
    place = await Place.open({ forwards: { store: { to: store } } })
    const nothingOnDisk = ['--save', '', '--appendonly', 'no', '--dir', place.dir, '--protected-mode', 'no']
    const listen = ['--bind', store.host, '--port', `${store.port}`]
    await place.serve('redis', ['redis-server', ...listen, ...nothingOnDisk], store)
    const { host, port } = place.to('store')
    at = ['-h', host, '-p', `${port}`]
  })
  after(() => place?.[Symbol.asyncDispose]())

  const ask = (...words: string[]) => succeed(['redis-cli', ...at, ...words])

  test('redis-benchmark -P 16: the server has counted every command', async () => {
    const load = ['-P', '16', '-c', '50', '-n', `${REQUESTS}`, '-t', 'set,get', '--csv']
    const table = await succeed(['redis-benchmark', ...at, ...load], { timeoutMs: 120_000 })
    assert.match(table, /^"SET","\d/m)
    assert.match(table, /^"GET","\d/m)
    const stats = await ask('INFO', 'commandstats')
    for (const command of ['set', 'get']) {
      assert.match(stats, new RegExp(`cmdstat_${command}:calls=${REQUESTS},.*failed_calls=0`))
    }
  })

  test('a value of 50 MB comes back as it went', async () => {
    const file = place.file('value')
    const sum = await randomFile(file, 50)
    await succeed(shell('file=$1; shift; redis-cli "$@" -x SET value < "$file"', file, ...at))
    const get = 'file=$1; shift; redis-cli "$@" --raw GET value | head -c 50000000 > "$file.back"'
    await succeed(shell(get, file, ...at))
    assert.equal(await checksum(`${file}.back`), sum)
  })

  test('a subscriber hears what another publishes', async () => {
    const line = 'set +o pipefail; timeout 20 redis-cli "$@" --csv SUBSCRIBE news | grep -m 1 hello'
    let done = false
    const heard = succeed(shell(line, ...at)).finally(() => {
      done = true
    })
    // Also after the first was heard: redis-cli ends when it finds nobody who reads what it prints.
    while (!done) await ask('PUBLISH', 'news', 'hello')
    assert.equal(await heard, '"message","news","hello"\n')
  })
})
