/**
 * The edge carries what it cannot read: looked at from outside, on the wire and in its memory, while curl talks
 * plain HTTP through it.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import type { Address, Child } from '../../bench/children.ts'
import { descendants } from '../../bench/usage.ts'
import { PASSWORD } from '../installation.ts'
import { needs } from '../needs.ts'
import { type Command, finish, shell, succeed } from '../program.ts'
import { serveNginx } from './nginx.ts'
import { freeAddress, Place, show } from './place.ts'
import { inMemory } from './process-memory.ts'

const ASKED = 'what-only-the-user-knows'
const ANSWERED = 'what-only-the-application-knows'
const MEGABYTES = 5

describe('the edge cannot read', { skip: needs('root', 'curl', 'nginx', 'tcpdump') }, () => {
  let place: Place
  let http: Address
  let stopCapture: () => Promise<void>
  let curl: Command

  before(async () => {
    http = await freeAddress()
    place = await Place.open({
      // The way out is straight; but from here on everything at the edge is captured, enrolment and sign-in too.
      egress: async (edge, dir, children) => {
        const capture = (name: string, { port }: Address): Command => [
          ...([
            'tcpdump',
            '-i',
            'lo',
            '-s',
            '0',
            '-B',
            '65536',
            '--immediate-mode',
            '-U',
            '-Z',
            'root',
          ] as const),
          ...['-w', `${dir}/${name}.pcap`, 'tcp', 'port', `${port}`],
        ]
        const captures: Child[] = []
        for (const [name, at] of Object.entries({ edge, application: http })) {
          const child = children.start(`tcpdump-${name}`, capture(name, at))
          const log = () => readFile(child.logFile, 'utf8')
          await children.until(child, async () => (await log()).includes('listening on'), 'capture')
          captures.push(child)
        }
        stopCapture = async () => {
          for (const child of captures) await children.stop(child, 'SIGINT')
        }
        return 'none\n'
      },
    })
    await writeFile(place.file('answer'), `${ANSWERED}\n`.repeat((MEGABYTES * 1e6) / ANSWERED.length))
    await writeFile(place.file('question'), `${ASKED}\n`.repeat((MEGABYTES * 1e6) / ASKED.length))
    const server = 'location /sent/ { dav_methods PUT; create_full_put_path on; }'
    await serveNginx(place, { server, at: { http } })
    curl = ['curl', '-q', '-sS', '--fail', '--noproxy', '', '--socks5-hostname', show(place.proxy)]
  })
  after(() => place?.[Symbol.asyncDispose]())

  test('the wire at the edge shows neither question nor answer nor any secret; the one behind it shows both', async () => {
    const asked = [
      '-H',
      `X-Asked: ${ASKED}`,
      '-T',
      place.file('question'),
      `http://${show(http)}/sent/${ASKED}`,
    ]
    await succeed([...curl, ...asked])
    const answer = await succeed([...curl, `http://${show(http)}/answer?${ASKED}`])
    assert.ok(answer.includes(ANSWERED))
    await stopCapture()

    const behind = await readFile(place.file('application.pcap'))
    assert.ok(behind.includes(ASKED) && behind.includes(ANSWERED), 'the capture finds what is there')
    const edge = await readFile(place.file('edge.pcap'))
    const carried = 2 * 2 * MEGABYTES * 1e6
    assert.ok(edge.length > carried, `both halves of both transfers: ${edge.length} bytes`)
    const key = place.installation.keys.get('connector-1')!
    const secrets = { ASKED, ANSWERED, PASSWORD, key: key.split('|')[2]!, pem: 'PRIVATE KEY' }
    for (const [name, secret] of Object.entries(secrets)) {
      assert.equal(edge.includes(secret), false, `${name} passes the edge in the clear`)
    }
    // Inside the same capture is the handshake of the tunnel itself: no outer TLS hides what is looked for.
    assert.ok(edge.includes('backstitch-tunnel/1'))
  })

  test('its memory holds nothing of a session, while that of the connector does', async () => {
    // So much, and taken so slowly, that the session is in its middle for minutes and every buffer of it is full.
    const [all, file] = [place.file('all'), place.file('slow')]
    await succeed(shell('set +o pipefail; yes "$1" | head -c 40000000 > "$2"', ANSWERED, all))
    let stop: () => void = () => {}
    const slow = finish([...curl, '--limit-rate', '50k', '-o', file, `http://${show(http)}/all?${ASKED}`], {
      timeoutMs: 120_000,
      started: (child) => {
        stop = () => child.kill()
      },
    })
    await succeed(shell('until test -s "$1"; do :; done', file), { timeoutMs: 20_000 })
    const holds = async (child: Child, needle: string) => {
      const family = [child.pid, ...descendants(child.pid)]
      const found = await Promise.all(family.map((pid) => inMemory(pid, needle)))
      return found.includes(true)
    }
    const { connector, installation } = place
    assert.ok(
      await holds(connector, ANSWERED),
      'the connector sees the answer, or this looks in the wrong place',
    )
    assert.equal(await holds(installation.server, ANSWERED), false)
    assert.equal(await holds(installation.server, ASKED), false)
    stop()
    assert.equal((await slow).signal, 'SIGTERM', 'it went on all the while')
  })
})
