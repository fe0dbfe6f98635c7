import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { grantReference } from '../src/wire/open.ts'
import { needs } from './needs.ts'

const INSIDE = 'BACKSTITCH_TEST_PORTS'
const PORTS = 1600

/** What is seen from inside a network namespace with few local ports. */
interface Seen {
  readonly before: string
  readonly held: number
  readonly refusal: string
  readonly during: string
  /** A question of the connector to its resolver. */
  readonly own: string
}

async function look(): Promise<Seen> {
  const { openClientSite, PASSWORD, USER } = await import('./client-site.ts')
  const { placeOf, RogueAgent, signInDevice } = await import('./misuse-agent.ts')
  const { newId } = await import('../src/base/ids.ts')
  const { DIRECT } = await import('../src/link/dial/egress.ts')
  const { bringHalf } = await import('../src/link/pipe/handover.ts')
  const { tunnelAsClient } = await import('../src/link/pipe/secure-tunnel.ts')
  const { Mux } = await import('../src/mux/mux.ts')
  const signal = new AbortController().signal
  await using opened = await openClientSite()
  const place = placeOf(opened.site)
  const echo = dgram.createSocket('udp4').bind(9999, '127.0.0.1')
  await once(echo, 'listening')
  await opened.connector('connector')
  const device = async () => {
    const who = await signInDevice(place, { user: USER, password: PASSWORD })
    const agent = await RogueAgent.connect(place, who)
    const to = { host: '127.0.0.1', port: 9999, protocol: 'udp' } as const
    const ask = { type: 'authorize', id: newId('req'), session: newId('ses'), wantPipe: true, ...to } as const
    const granted = await agent.channel.request(ask, 8000)
    assert.ok(granted.type === 'granted' && granted.pipe !== undefined)
    const { grant, pipe } = granted
    const half = await bringHalf(pipe, { egress: DIRECT, credentials: who, signal })
    const { socket } = await tunnelAsClient(half.socket, { credentials: who, peer: pipe.peer, signal })
    const mux = new Mux(socket, { role: 'client' })
    mux.sendGrant(grant)
    const open = () =>
      new Promise<string>((resolve) => {
        mux.open(
          { session: newId('ses'), grant: grantReference(grant), ...to },
          {
            opened: () => resolve('opened'),
            closed: ({ reason, detail }) => resolve(`${reason}: ${detail}`),
          },
        )
      })
    return { open, close: () => Promise.all([mux[Symbol.asyncDispose](), agent[Symbol.asyncDispose]()]) }
  }
  const [victim, mallory] = [await device(), await device()]
  const before = await victim.open()
  const all = await Promise.all(Array.from({ length: PORTS * 1.5 }, () => mallory.open()))
  const during = await victim.open()
  const own = await new Promise<string>((resolve) => {
    const socket = dgram.createSocket('udp4')
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(`${code}`))
    socket.bind(0, () => {
      socket.close()
      resolve('a port')
    })
  })
  await Promise.all([victim.close(), mallory.close()])
  echo.close()
  const held = all.filter((is) => is === 'opened').length
  return { before, held, refusal: all.find((is) => is !== 'opened') ?? '', during, own }
}

if (process.env[INSIDE] !== undefined) {
  process.stdout.write(JSON.stringify(await look()))
  process.exit(0)
}

test('one device takes no port from the resolver of a connector, and none that another device needs', {
  skip: needs('netns'),
}, () => {
  const inside = `ip link set lo up && sysctl -qw net.ipv4.ip_local_port_range="20000 ${19_999 + PORTS}" && exec "$0" "$@"`
  const { stdout, stderr } = spawnSync(
    'unshare',
    ['-n', 'sh', '-c', inside, process.execPath, import.meta.filename],
    { encoding: 'utf8', env: { ...process.env, [INSIDE]: '1', NODE_TEST_CONTEXT: undefined } },
  )
  assert.match(stdout, /^\{/, stderr)
  const { before, held, refusal, during, own } = JSON.parse(stdout) as Seen
  assert.deepEqual({ before, during, own }, { before: 'opened', during: 'opened', own: 'a port' })
  assert.ok(held > 500 && held <= (PORTS * 7) / 16, `${held} of ${PORTS}`)
  assert.match(refusal, /^TOO_MANY_STREAMS: local UDP ports of a connector: device dev_\w+ holds \d+ of 1400/)
})
