import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { factsOf } from './facts.fixture.ts'
import type { DaemonNote } from './facts.ts'

const SILENT: DaemonNote = {
  code: 'APP_SILENT',
  detail:
    'hr.example.com:8080: silent since 2026-05-30T09:00:00.000Z: 4 sessions of 2 users asked it and no byte came back',
  seen: { saw: ['the last sent 117 B and gave up after 6 s'], fix: ['restart the application'] },
}
const LOST: DaemonNote = {
  ...SILENT,
  detail:
    'hr.example.com:8080: silent since 2026-05-30T09:00:00.000Z: in 3 sessions of 1 user what was sent is not acknowledged, though new connections stand',
}
const TLS: DaemonNote = {
  code: 'APP_TLS_NAME',
  detail: 'wiki.example.com:443: The certificate is of another name.',
}

const UDP: DaemonNote = {
  ...SILENT,
  detail:
    'dns.example.com:53/udp: silent since 2026-05-30T09:00:00.000Z: 3 flows of 2 users sent it datagrams and none came back',
}

function rootsOf(notes: readonly DaemonNote[], app?: { host: string; port: number; protocol?: 'udp' }) {
  const { daemon } = factsOf().known
  const patient = app === undefined ? {} : { app: { ...app, networks: [] } }
  return diagnose(CHECKS, factsOf({ known: { daemon: { ...daemon!, notes } }, patient })).roots
}

test('what the daemon knows of its applications is told, whether an application was asked about or not', () => {
  const [root] = rootsOf([SILENT, TLS])
  assert.deepEqual([root?.hop, root?.verdict.fault], ['application', 'APP_SILENT'])
  assert.equal(
    root?.verdict.cause,
    'hr.example.com:8080 accepts connections but answers no requests: the application hangs, or is waiting for something itself.',
  )
  assert.deepEqual(root?.verdict.seen, [
    `the daemon reports: ${SILENT.detail}`,
    'the last sent 117 B and gave up after 6 s',
    `and APP_TLS_NAME: ${TLS.detail}`,
  ])
  assert.deepEqual(root?.verdict.fix, ['restart the application'])
  assert.match(rootsOf([LOST])[0]?.verdict.cause ?? '', /lets connections open and drops the rest/)
  const idle = { ...LOST, detail: LOST.detail.replace('sent is', 'sent after a pause of 6 s or more is') }
  assert.match(rootsOf([idle])[0]?.verdict.cause ?? '', /drops idle connections/)
  assert.equal(rootsOf([TLS])[0]?.verdict.fault, 'APP_TLS_NAME')
  assert.deepEqual(rootsOf([]), [])
})

test('whoever asks about one application is told of that one', () => {
  const codes = (app: { host: string; port: number }) =>
    rootsOf([SILENT, TLS], app).map(({ verdict }) => verdict.fault)
  assert.deepEqual(codes({ host: 'hr.example.com', port: 8080 }), ['APP_SILENT'])
  assert.deepEqual(codes({ host: 'hr.example.com', port: 80 }), [])
  const dns = { host: 'dns.example.com', port: 53 }
  assert.deepEqual(rootsOf([UDP], dns), [], 'by TCP it is another one')
  const [root] = rootsOf([UDP], { ...dns, protocol: 'udp' })
  assert.match(
    root?.verdict.cause ?? '',
    /^dns\.example\.com:53\/udp answered datagrams before and no longer does/,
  )
})
