/** What a short session costs in system calls, which is what bounds how many there are. Bounds are wide: load changes them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../bench/ports.ts'
import { descendants } from '../bench/usage.ts'
import { patience } from '../lab/pace.ts'
import { serveEcho } from './client-traffic.ts'
import { Installation } from './installation.ts'
import { needs } from './needs.ts'

const SESSIONS = 640
const AT_A_TIME = 32
/** Sockets are told from pipes and files by what strace says of them. */
const CALL = /^\d+ +(\w+)\(\d+<(\w+)/

async function sessions(to: net.NetConnectOpts, count: number): Promise<void> {
  let left = count
  const worker = async () => {
    while (left-- > 0) {
      const socket = net.connect(to)
      socket.write('x')
      await once(socket, 'data')
      socket.end()
      await once(socket, 'close')
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, worker))
}

/** @returns Calls on TCP sockets while `work` runs, by name, for each session. */
async function callsOn(pid: number, file: string, work: () => Promise<void>): Promise<Map<string, number>> {
  const everyone = [pid, ...descendants(pid)].flatMap((one) => ['-p', `${one}`])
  const which = ['-e', 'trace=write,writev,accept4,setsockopt,shutdown']
  const strace = spawn('strace', ['-f', '-yy', '-s0', ...which, '-o', file, ...everyone], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await once(strace.stderr, 'data') // that it is attached
  await delay(200)
  await work()
  strace.kill('SIGINT')
  await once(strace, 'exit')
  const counts = new Map<string, number>()
  for (const line of readFileSync(file, 'latin1').split('\n')) {
    const [, name, kind] = CALL.exec(line) ?? []
    if (name === undefined || !kind!.startsWith('TCP')) continue
    const call = name === 'writev' ? 'write' : name
    counts.set(call, (counts.get(call) ?? 0) + 1 / SESSIONS)
  }
  return counts
}

test('a short session costs few writes at client and connector, and no options or shutdowns that can be saved', {
  skip: process.platform === 'linux' ? needs('root', 'strace') : 'Linux only',
  timeout: patience(180_000),
}, async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'backstitch-calls-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const app = await serveEcho()
  t.after(() => app[Symbol.asyncDispose]())
  const reach = { domains: ['localhost'], addressCidrs: ['127.0.0.0/8', '::1/128'], tcp: [`${app.port}`] }
  const installation = await Installation.start({ dir, reach })
  t.after(() => installation[Symbol.asyncDispose]())
  const connector = installation.startConnector(await installation.addConnector())
  await installation.passed(connector, 6)
  const forward = { host: '127.0.0.1', port: await freePort() }
  await installation.signIn({ listen: 'off', forwards: [`127.0.0.1:${forward.port} localhost:${app.port}`] })
  const client = await installation.startClient()
  await sessions(forward, 100)

  const run = () => sessions(forward, SESSIONS)
  const atClient = await callsOn(client.pid, path.join(dir, 'client.calls'), run)
  const atConnector = await callsOn(connector.pid, path.join(dir, 'connector.calls'), run)
  const said = (calls: Map<string, number>) =>
    [...calls].map(([name, each]) => `${name} ${each.toFixed(2)}`).join(', ')
  t.diagnostic(`client: ${said(atClient)}; connector: ${said(atConnector)}`)
  const few = (calls: Map<string, number>, name: string, most: number) =>
    assert.ok((calls.get(name) ?? 0) <= most, `${name}: ${said(calls)}`)
  few(atClient, 'write', 2)
  few(atClient, 'accept4', 2)
  few(atClient, 'setsockopt', 0.5)
  few(atClient, 'shutdown', 0.5)
  few(atConnector, 'write', 1.8)
})
