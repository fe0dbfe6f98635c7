import assert from 'node:assert/strict'
import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import pino from 'pino'
import { openTestEdge, type TestEdge, type TestEdgeOptions } from './fixture.ts'

const DEVICE = '198.51.100.7'
const V1 = Buffer.from(`PROXY TCP4 ${DEVICE} 127.0.0.1 40000 8443\r\n`)
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc63364077f0000019c4020fb', 'hex')
const CHECK = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')

/** An edge whose people are told where they come from. */
async function stage(o: TestEdgeOptions = {}) {
  const lines: { event: string; level: number; msg: string }[] = []
  const http = ({ socket }: http.IncomingMessage, response: http.ServerResponse) =>
    response.end(`from ${socket.remoteAddress}`)
  const t = await openTestEdge({
    backend: { http },
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    ...o,
  })
  return { t, lines }
}

/** @returns What the page says to whoever comes by a balancer that sends `header`, or that the connection broke. */
async function visit({ edge }: TestEdge, header: Buffer | undefined): Promise<string> {
  const socket = net.connect(edge.port, '127.0.0.1')
  if (header !== undefined) socket.write(header)
  const secure = tls.connect({ socket, rejectUnauthorized: false })
  try {
    await once(secure, 'secureConnect')
    secure.write('GET / HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n')
    let text = ''
    for await (const chunk of secure) text += chunk
    return /from \S+/.exec(text)?.[0] ?? text
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? `${error}`
  } finally {
    socket.destroy()
  }
}

test('behind a named balancer the address of the device arrives, by either version', async () => {
  const { t } = await stage({ balancers: ['127.0.0.0/8'] })
  await using _edge = t
  for (const header of [V1, V2]) assert.equal(await visit(t, header), `from ${DEVICE}`)
  assert.equal(await visit(t, CHECK), 'from 127.0.0.1', 'of itself it says nothing')
})

test('a device behind a balancer has the share of one address, and the balancer none', async () => {
  const limits = { connectionsPerAddress: 2 }
  const { t } = await stage({ balancers: ['127.0.0.1'], limits })
  await using _edge = t
  const others = [8, 9, 10, 11].map((last) => Buffer.from(`PROXY TCP4 198.51.100.${last} 127.0.0.1 1 2\r\n`))
  const held = others.map((header) => {
    const socket = net.connect(t.edge.port, '127.0.0.1').on('error', () => {})
    socket.write(header)
    return socket
  })
  await Promise.all(held.map((socket) => once(socket, 'connect')))
  assert.equal(await visit(t, V1), `from ${DEVICE}`, 'four devices more come by it')
  const own = [V1, V1].map((header) => {
    const socket = net.connect(t.edge.port, '127.0.0.1').on('error', () => {})
    socket.write(header)
    return socket
  })
  await Promise.all(own.map((socket) => once(socket, 'connect')))
  assert.equal(await visit(t, V1), 'ECONNRESET')
  assert.deepEqual(t.edge.stats().refused, { EDGE_BUSY: 1 })
  for (const socket of [...held, ...own]) socket.destroy()
})

test('a header from anybody else is refused and named; so is a balancer that sends none', async () => {
  const { t, lines } = await stage({ balancers: ['192.0.2.0/24'] })
  await using _edge = t
  for (const header of [V1, V2]) await visit(t, header)
  assert.equal(await visit(t, undefined), 'from 127.0.0.1', 'whoever comes directly needs none')
  assert.deepEqual(
    lines.filter(({ event }) => event === 'edge.refused').map(({ level, msg }) => [level, msg]),
    Array(2).fill([
      40,
      'a PROXY protocol header comes from 127.0.0.1, which is not a load balancer of this edge: add it to "balancers", or switch the header off there',
    ]),
  )
  const named = await stage({ balancers: ['127.0.0.1'] })
  await using _named = named.t
  await visit(named.t, undefined)
  assert.match(
    named.lines.find(({ event }) => event === 'edge.refused')?.msg ?? '',
    /PROXY protocol header cannot be read: it sends none: switch it on there, or remove it from "balancers"$/,
  )
})
