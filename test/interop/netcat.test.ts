/** Half-close with nc -N: each direction ends by itself, and what still comes the other way arrives. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { serveTcp, type TcpApp } from '../client-traffic.ts'
import { PROGRAM } from '../installation.ts'
import { needs } from '../needs.ts'
import { finish, shell, succeed } from '../program.ts'
import { freeAddress, Place, randomFile, show } from './place.ts'

describe('half-close over the tunnel', { skip: needs('netcat-openbsd', 'openssl') }, () => {
  const owned = new AsyncDisposableStack()
  const received: string[] = []
  let place: Place
  let file: string
  let sum: string
  let patient: TcpApp
  let hasty: TcpApp

  before(async () => {
    // Answers with the checksum of all it was sent, which it knows only when the sender has ended.
    patient = owned.use(
      await serveTcp((socket) => {
        const hash = createHash('sha256')
        socket.on('data', (part) => hash.update(part)).on('end', () => socket.end(hash.digest('hex')))
      }),
    )
    // Ends its own direction at once, and goes on listening. Checks of health connect, too, and send nothing.
    hasty = owned.use(
      await serveTcp((socket) => {
        const hash = createHash('sha256')
        socket.end('that is all')
        socket
          .on('data', (part) => hash.update(part))
          .on('end', () => {
            if (socket.bytesRead > 0) received.push(hash.digest('hex'))
          })
      }),
    )
    const at = (app: TcpApp) => ({ to: { host: '127.0.0.1', port: app.port } })
    place = owned.use(await Place.open({ forwards: { patient: at(patient), hasty: at(hasty) } }))
    file = place.file('sent')
    sum = await randomFile(file, 20)
  })
  after(() => owned[Symbol.asyncDispose]())

  const ways = {
    'a forward': () => ['nc', '-N', '127.0.0.1', `${place.to('patient').port}`],
    SOCKS5: () => ['nc', '-N', '-X', '5', '-x', show(place.proxy), '127.0.0.1', `${patient.port}`],
    'HTTP CONNECT': () => [
      ...['nc', '-N', '-X', 'connect', '-x', show(place.proxy)],
      ...['127.0.0.1', `${patient.port}`],
    ],
    'client connect': () => [
      ...[PROGRAM, ...place.installation.clientFlags],
      ...['connect', '127.0.0.1', `${patient.port}`],
    ],
  }
  for (const [way, command] of Object.entries(ways)) {
    test(`by ${way}: the answer that follows the end of the question arrives`, async () => {
      assert.equal(await succeed(shell('file=$1; shift; "$@" < "$file"', file, ...command())), sum)
    })
  }

  test('the application ends first: what is sent to it after that still arrives', async () => {
    // bash reads to the end of the application and only then begins to send.
    const line = 'exec 3<>"/dev/tcp/127.0.0.1/$1"; cat <&3; cat "$2" >&3'
    assert.equal(await succeed(shell(line, `${place.to('hasty').port}`, file)), 'that is all')
    const { sockets } = hasty
    await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    assert.deepEqual(received, [sum])
  })

  test('a port nobody listens on is refused at once, not silently held', async () => {
    const nowhere = await freeAddress()
    const zero = ['nc', '-N', '-X', '5', '-x', show(place.proxy), nowhere.host, `${nowhere.port}`] as const
    const { code, stderr } = await finish(zero, { timeoutMs: 10_000 })
    assert.equal(code, 1)
    assert.match(stderr, /refused/i)
  })
})
