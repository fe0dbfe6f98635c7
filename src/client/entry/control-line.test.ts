import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../base/faults.ts'
import { controlCall, readLine, writeLine } from './control-line.ts'

let server: net.Server
before(async () => {
  server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(() => server.close())

/** What the far end of a connection makes of `pieces`, written one after the other. */
async function told(pieces: (Buffer | string)[]) {
  const accepted = once(server, 'connection') as Promise<[net.Socket]>
  const near = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  near.setNoDelay(true)
  const [far] = await accepted
  const line = readLine(far, controlCall)
  line.catch(() => {})
  for (const piece of pieces) await new Promise((sent) => near.write(piece, sent))
  near.end()
  try {
    const call = await line
    const rest: Buffer[] = []
    for await (const part of far) rest.push(part as Buffer)
    return { call, rest: Buffer.concat(rest).toString('latin1') }
  } finally {
    near.destroy()
    far.destroy()
  }
}

test('a call reads the same however it is split, and what follows it stays in the socket', async () => {
  const bytes = Buffer.from(`${writeLine({ op: 'connect', host: 'db1', port: 22 })}SSH-2.0-x\r\n`)
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 6 }),
      async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
        const { call, rest } = await told(at.slice(1).map((end, i) => bytes.subarray(at[i], end)))
        assert.deepEqual(call, { op: 'connect', host: 'db1', port: 22 })
        assert.equal(rest, 'SSH-2.0-x\r\n')
      },
    ),
    { numRuns: 30 },
  )
})

test('what is no call is refused by a fault: too long, not JSON, unknown fields, cut off', async () => {
  for (const text of [
    'x'.repeat(10_000),
    `{"op":"connect","host":"${'a'.repeat(9000)}","port":1}\n`,
    'not json\n',
    '{"op":"connect","host":"a","port":1,"more":1}\n',
    '{"op":"shell"}\n',
    '{"op":"connect"',
    '',
  ]) {
    await assert.rejects(
      told(text === '' ? [] : [text]),
      (error) => error instanceof Fault && error.code === 'LOCAL_REQUEST_REFUSED',
      text.slice(0, 40),
    )
  }
})
