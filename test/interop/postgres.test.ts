/** psql and pgbench against PostgreSQL, by a standing forward. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { needs } from '../needs.ts'
import { finish, type RunOptions, succeed } from '../program.ts'
import { freeAddress, Place } from './place.ts'
import { servePostgres } from './postgres.ts'

const ROWS = 500_000

describe('PostgreSQL over the tunnel', { skip: needs('postgresql', 'util-linux') }, () => {
  let place: Place
  let env: NodeJS.ProcessEnv

  before(async () => {
    const database = await freeAddress()
    place = await Place.open({ forwards: { database: { to: database } } })
    await servePostgres(place, database)
    const { host, port } = place.to('database')
    env = {
      PGHOST: host,
      PGPORT: `${port}`,
      PGUSER: 'postgres',
      PGDATABASE: 'postgres',
      PGCONNECT_TIMEOUT: '20',
    }
  })
  after(() => place?.[Symbol.asyncDispose]())

  const query = (text: string, options?: RunOptions) =>
    succeed(['psql', '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-c', text], { ...options, env })

  test('rows go in and come out, all of them', async () => {
    await query('CREATE TABLE numbers (n int PRIMARY KEY, text text)')
    const lines = Array.from({ length: ROWS }, (_, n) => `${n}\tnumber ${n}\n`).join('')
    await query('COPY numbers FROM STDIN', { input: lines })
    assert.equal(await query('SELECT count(*), sum(n) FROM numbers'), `${ROWS}|${(ROWS * (ROWS - 1)) / 2}\n`)
    assert.ok((await query('COPY numbers TO STDOUT')) === lines, 'every row comes back as it went')
  })

  test('an error of the server reaches psql as it is', async () => {
    const { code, stderr } = await finish(['psql', '-X', '-c', 'SELECT 1/0'], { env })
    assert.equal(code, 1)
    assert.match(stderr, /division by zero/)
  })

  test('Ctrl-C in psql cancels a running query, which takes a second connection', async () => {
    const running = async () =>
      Number(await query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"))
    const startedMs = performance.now()
    let interrupt: () => void = () => {}
    const sleeping = finish(['psql', '-X', '-c', 'SELECT pg_sleep(120)'], {
      env,
      started: (child) => {
        interrupt = () => child.kill('SIGINT')
      },
    })
    while ((await running()) === 0) assert.ok(performance.now() - startedMs < 30_000, 'the query runs')
    interrupt()
    const { stderr } = await sleeping
    assert.match(stderr, /canceling statement due to user request/)
    // psql has its answer before the process of the server that gave it has ended.
    while ((await running()) !== 0) assert.ok(performance.now() - startedMs < 60_000, 'the server ends it')
  })

  test('pgbench: no transaction fails and the books balance', async () => {
    await succeed(['pgbench', '-i', '-q', '-s', '2'], { env })
    const report = await succeed(['pgbench', '-n', '-c', '8', '-j', '2', '-T', '5'], { env })
    const done = Number(/transactions actually processed: (\d+)/.exec(report)?.[1])
    assert.match(report, /number of failed transactions: 0 /)
    assert.ok(done > 100, report)
    const tables = [
      'SELECT sum(abalance) FROM pgbench_accounts',
      'SELECT sum(bbalance) FROM pgbench_branches',
    ]
    const history = (await query('SELECT count(*), sum(delta) FROM pgbench_history')).trim().split('|')
    assert.equal(history[0], `${done}`)
    for (const table of tables) assert.equal((await query(table)).trim(), history[1])
  })

  test('pgbench with a new connection for each transaction', async () => {
    const report = await succeed(['pgbench', '-n', '-S', '-C', '-c', '4', '-t', '50'], { env })
    assert.match(report, /transactions actually processed: 200\/200/)
  })
})
