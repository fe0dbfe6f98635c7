import assert from 'node:assert/strict'
import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { InvalidFault } from '../api/invalid.ts'
import type { Fault } from '../base/faults.ts'
import { createPublicCertificate } from '../control/front/public-certificate.ts'
import { publicPinOf } from '../pki/public-pin.ts'
import { PIN, serve } from './rest.fixture.ts'
import { Rest } from './rest.ts'

const context = (server: string, pin = PIN) =>
  new Rest({ file: 'context.json', server, pin, token: 'bst_token' })

test('the token goes to the server with the pinned certificate', async () => {
  let seen: string | undefined
  await using at = await serve((request, response) => {
    seen = request.headers.authorization
    response.end('{"ok":true}')
  })
  assert.deepEqual(await context(at.server).get('/whoami'), { ok: true })
  assert.equal(seen, 'Bearer bst_token')
})

test('another certificate: PIN_MISMATCH, and no request is sent', async () => {
  let requests = 0
  await using at = await serve((_, response) => {
    requests++
    response.end('{}')
  })
  const other = publicPinOf((await createPublicCertificate(['127.0.0.1'], Date.now())).cert)
  await assert.rejects(context(at.server, other).get('/whoami'), (fault: Fault) => {
    assert.equal(fault.code, 'PIN_MISMATCH')
    assert.deepEqual([fault.seen.shown, fault.seen.pinned], [PIN.fingerprint, other.fingerprint])
    return true
  })
  assert.equal(requests, 0)
})

test('nobody listens: CONTROL_UNREACHABLE with the errno', async () => {
  const unused = net.createServer().listen(0, '127.0.0.1')
  await once(unused, 'listening')
  const { port } = unused.address() as net.AddressInfo
  unused.close()
  await once(unused, 'close')
  await assert.rejects(context(`https://127.0.0.1:${port}`).get('/x'), (fault: Fault) => {
    return fault.code === 'CONTROL_UNREACHABLE' && fault.seen.errno === 'ECONNREFUSED'
  })
})

test('a problem is thrown as its fault, with every place that is wrong', async () => {
  await using at = await serve((_, response) => {
    response.writeHead(422, { 'content-type': 'application/problem+json' }).end(
      JSON.stringify({
        ...{ type: 'urn:backstitch:fault:INVALID', title: 't', status: 422, detail: 'd', instance: 'req_1' },
        ...{ code: 'INVALID', hop: 'control', retry: false, cause: 'c', fix: 'f', verify: 'v' },
        errors: [{ pointer: '/documents/0/name', detail: 'expected a name' }],
      }),
    )
  })
  const fault = await context(at.server)
    .call('/apply', { method: 'POST', body: {} })
    .catch((error: InvalidFault) => error)
  assert.ok(fault instanceof InvalidFault)
  assert.equal(fault.errors[0]!.pointer, '/documents/0/name')
})

for (const [name, status, body] of [
  ['an error page that is no problem', 502, '<html>'],
  ['JSON that names no fault', 500, '{"error":"x"}'],
  ['an answer that is no JSON', 200, 'hello'],
] as const) {
  test(`${name}: PROTOCOL_ERROR at control`, async () => {
    await using at = await serve((_, response) => response.writeHead(status).end(body))
    await assert.rejects(context(at.server).get('/x'), { code: 'PROTOCOL_ERROR', hop: 'control' })
  })
}

test('lists are read page after page, up to the limit', async () => {
  await using at = await serve((request, response) => {
    const query = new URL(request.url!, 'https://x').searchParams
    const from = Number(query.get('cursor') ?? 0)
    const items = Array.from({ length: Math.min(2, Number(query.get('limit'))) }, (_, index) => from + index)
    response.end(JSON.stringify({ items, next: from < 4 ? String(from + 2) : undefined }))
  })
  assert.deepEqual(await context(at.server).list('/things', 100), [0, 1, 2, 3, 4, 5])
  assert.deepEqual(await context(at.server).list('/things', 3), [0, 1, 2])
  const pages = (limit: number) => Array.fromAsync(context(at.server).pages('/things', limit))
  assert.deepEqual(await pages(3), [
    { items: [0, 1], more: true },
    { items: [2], more: true },
  ])
  const last = (await pages(Number.POSITIVE_INFINITY)).at(-1)
  assert.deepEqual(last, { items: [4, 5], more: false }, 'whether there is more is told')
})

for (const [name, status, body] of [
  ['one that sends us elsewhere', 302, ''],
  ['an empty one', 200, ''],
  ['no object', 200, 'null'],
  ['one without items', 200, '{"items":null}'],
  ['pages without end and without items', 200, '{"items":[],"next":"on"}'],
  ['one nested without end', 200, '['.repeat(200_000) + ']'.repeat(200_000)],
] as const) {
  test(`of a list, ${name}: PROTOCOL_ERROR at control, and the token goes nowhere else`, async () => {
    let elsewhere = 0
    await using other = await serve(() => elsewhere++)
    await using at = await serve((_, response) => {
      response.writeHead(status, { location: `${other.server}/api/v1/x` }).end(body)
    })
    await assert.rejects(context(at.server).list('/x', 10), { code: 'PROTOCOL_ERROR', hop: 'control' })
    assert.equal(elsewhere, 0)
  })
}

test('a line separator within a text ends no line; a line that does not end is given up', async () => {
  await using at = await serve((request, response) => {
    const more = (error?: Error | null) => {
      if (!error) response.write('x'.repeat(1024 * 1024), more)
    }
    if (request.url!.endsWith('/endless')) more()
    else response.end(`{"a":"x\u2028y\u2029z"}\r\n{"a":2}`)
  })
  const { signal } = new AbortController()
  const seen = await Array.fromAsync(context(at.server).lines('/lines', signal))
  assert.deepEqual(seen, [{ a: 'x\\u2028y\\u2029z' }, { a: 2 }])
  const endless = Array.fromAsync(context(at.server).lines('/endless', signal))
  await assert.rejects(endless, { code: 'PROTOCOL_ERROR', hop: 'control' })
})

test('lines come as they are sent, and end when asked to', async () => {
  const open: http.ServerResponse[] = []
  await using at = await serve((_, response) => {
    open.push(response)
    response.write('{"a":1}\n\n{"a":2}\n')
  })
  const stop = new AbortController()
  const seen: unknown[] = []
  for await (const line of context(at.server).lines('/sessions/stream', stop.signal)) {
    seen.push(line)
    if (seen.length === 2) stop.abort()
  }
  assert.deepEqual(seen, [{ a: 1 }, { a: 2 }])
})
