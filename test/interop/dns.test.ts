/** dig asks dnsmasq, by `client forward udp/…`. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import type { Address } from '../../bench/children.ts'
import { needs } from '../needs.ts'
import { finish, succeed } from '../program.ts'
import { freeAddress, Place } from './place.ts'

const TEXTS = Array.from({ length: 12 }, (_, number) => `${number}-`.padEnd(200, 'x'))

describe('DNS over the tunnel', { skip: needs('bind9-dnsutils', 'dnsmasq-base') }, () => {
  let place: Place
  let udp: Address
  let tcp: Address

  before(async () => {
    place = await Place.open()
    const at = await freeAddress()
    const config = place.file('dnsmasq.conf')
    await writeFile(
      config,
      `no-resolv
no-hosts
listen-address=${at.host}
bind-interfaces
port=${at.port}
local=/private.test/
edns-packet-max=4096
host-record=db.private.test,10.1.2.3,fd00::3
${TEXTS.map((text) => `txt-record=long.private.test,${text}`).join('\n')}
${Array.from({ length: 200 }, (_, host) => `host-record=h${host}.private.test,10.2.0.${host}`).join('\n')}
`,
    )
    const daemon = ['dnsmasq', '--keep-in-foreground', `--conf-file=${config}`, '--pid-file='] as const
    await place.serve('dnsmasq', [...daemon, `--user=${process.getuid?.() === 0 ? 'root' : ''}`], at)
    udp = await place.forward('udp', at)
    tcp = await place.forward('tcp', at)
  })
  after(() => place?.[Symbol.asyncDispose]())

  const dig = (at: Address, ...question: string[]) =>
    ['dig', `@${at.host}`, '-p', `${at.port}`, '+tries=2', '+time=10', ...question] as const

  test('names are answered: A, AAAA, and that there is none', async () => {
    const short = async (...question: string[]) =>
      (await succeed([...dig(udp, '+short'), ...question])).trim()
    assert.equal(await short('db.private.test', 'A'), '10.1.2.3')
    assert.equal(await short('db.private.test', 'AAAA'), 'fd00::3')
    assert.match(await succeed(dig(udp, 'missing.private.test')), /status: NXDOMAIN/)
  })

  test('an answer of more than 2 kB comes in one datagram, and over TCP', async () => {
    const whole = await succeed(dig(udp, '+bufsize=4096', '+ignore', 'long.private.test', 'TXT'))
    assert.doesNotMatch(whole, /flags:[^;]* tc/)
    assert.match(whole, /ANSWER: 12,/)
    const truncated = await succeed(dig(udp, '+noedns', '+ignore', 'long.private.test', 'TXT'))
    assert.match(truncated, /flags:[^;]* tc/, 'without EDNS it does not fit')
    assert.match(await succeed(dig(tcp, '+tcp', 'long.private.test', 'TXT')), /ANSWER: 12,/)
  })

  test('200 questions by one program, each with its own answer', async () => {
    const names = Array.from({ length: 200 }, (_, host) => `h${host}.private.test`)
    const file = place.file('questions')
    await writeFile(file, names.join('\n'))
    const answers = await succeed(dig(udp, '+short', '-f', file))
    assert.deepEqual(
      answers.trim().split('\n'),
      Array.from({ length: 200 }, (_, host) => `10.2.0.${host}`),
    )
  })

  test('where no resolver listens dig is told, or gives up by its own time', async () => {
    const nobody = await place.forward('udp', await freeAddress())
    const question = [
      'dig',
      `@${nobody.host}`,
      '-p',
      `${nobody.port}`,
      '+tries=1',
      '+time=1',
      'db.private.test',
    ]
    const { code } = await finish(question as [string, ...string[]])
    assert.equal(code, 9, 'no reply from the server')
    assert.match(await succeed(dig(udp, '+short', 'db.private.test')), /10\.1\.2\.3/, 'others go on')
  })
})
