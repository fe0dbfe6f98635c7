import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { diagnose } from './diagnose.ts'
import { SERVER_CHECKS } from './examine-host.ts'
import { type Change, changed, factsOf, NO_WAY, NOW_MS, tcp } from './facts.fixture.ts'
import { type EdgeHostFacts, lookAtHost, readTracked } from './host-look.ts'

const DAY_MS = 86_400_000
const HEALTHY: EdgeHostFacts = {
  attempt: tcp('open', { address: '127.0.0.1' }),
  heldBy: 'node (process 812)',
  certificates: [
    { whose: 'tenant', subject: 'CN=edge', notAfterMs: NOW_MS + 20 * DAY_MS },
    { whose: 'public', subject: 'CN=edge.example.com', notAfterMs: NOW_MS + 90 * DAY_MS },
  ],
  name: {
    name: 'edge.example.com',
    addresses: ['198.51.100.7'],
    tookMs: 3,
    servers: [],
  },
  ownAddresses: ['10.0.0.7'],
  tracked: { count: 900, max: 65_536, fixed: false },
  halfOpen: { peers: [], standing: 4, saw: [] },
}
const PATIENT: Change['patient'] = {
  role: 'server',
  host: { listen: { host: '0.0.0.0', port: 443 }, publicHost: 'edge.example.com' },
}

function rootsOf(host: Partial<EdgeHostFacts>, known: Change['known'] = {}): string[] {
  const facts = factsOf({
    known: { ...known, host: { ...HEALTHY, ...host } },
    without: NO_WAY,
    patient: PATIENT,
  })
  return diagnose(SERVER_CHECKS, facts).roots.map(({ hop, verdict }) => `${hop} ${verdict.fault}`)
}

const ended = HEALTHY.certificates.map((one) => ({ ...one, notAfterMs: NOW_MS - DAY_MS }))
const CASES: { name: string; host: Partial<EdgeHostFacts>; known?: Change['known']; roots: string[] }[] = [
  { name: 'all is well, behind a NAT', host: {}, roots: [] },
  {
    name: 'its control group has no memory left',
    host: {},
    known: { load: { ...factsOf().known.load!, memoryTotalBytes: 256e6, memoryAvailableBytes: 3e6 } },
    roots: ['edge CONNECTOR_OVERLOADED'],
  },
  {
    name: 'nothing listens',
    host: { attempt: tcp('refused'), heldBy: undefined, certificates: [] },
    roots: ['edge DAEMON_DOWN'],
  },
  {
    name: 'another program holds the port',
    host: { heldBy: 'nginx (process 77)', certificates: [HEALTHY.certificates[1]!] },
    roots: ['edge LISTEN_FAILED'],
  },
  {
    name: 'the edge carries, and the control plane behind it is away',
    host: { certificates: [HEALTHY.certificates[0]!] },
    roots: ['control CONTROL_UNREACHABLE'],
  },
  {
    name: 'it has no descriptor left, and ends what it takes as something else on its port would',
    host: { certificates: [] },
    known: { load: { ...factsOf().known.load!, descriptors: { pid: 812, open: 40, limit: 40 } } },
    roots: ['edge FD_EXHAUSTED'],
  },
  {
    name: 'the control plane has no descriptor left',
    host: { certificates: [HEALTHY.certificates[0]!], controlDescriptors: { pid: 811, open: 30, limit: 30 } },
    roots: ['control FD_EXHAUSTED'],
  },
  {
    name: 'a worker of its edge was killed',
    host: {},
    known: {
      daemon: changed('daemon', {
        notes: [{ code: 'WORKER_ENDED', detail: 'edge worker 1 exited: SIGKILL' }],
      }),
    },
    roots: ['edge WORKER_ENDED'],
  },
  { name: 'its certificates have ended', host: { certificates: ended }, roots: ['edge CERT_EXPIRED'] },
  {
    name: 'they look ended since the clock is fast',
    host: { certificates: ended },
    known: { sync: { by: 'chronyc', slowMs: -2 * DAY_MS, saw: 'System time: 172800 seconds fast' } },
    roots: ['edge CLOCK_SKEW'],
  },
  {
    name: 'its name is gone',
    host: {
      name: {
        ...{ ...HEALTHY.name!, addresses: [], errno: 'ENOTFOUND' },
        servers: [{ server: '10.20.0.53', said: 'NXDOMAIN', addresses: [] }],
      },
    },
    roots: ['edge EDGE_NAME_NXDOMAIN'],
  },
  {
    name: 'nobody could be asked for its name: that is not to be gone',
    host: { name: { ...HEALTHY.name!, addresses: [], errno: 'timeout' } },
    roots: [],
  },
  {
    name: 'the table of connections is full',
    host: { tracked: { count: 65_536, max: 65_536, fixed: false } },
    roots: ['edge CONNTRACK_FULL'],
  },
  {
    name: 'nobody who comes hears an answer',
    host: { halfOpen: { peers: ['203.0.113.7', '203.0.113.9'], standing: 0, saw: ['… syn-recv'] } },
    roots: ['edge RETURN_PATH_ASYMMETRIC'],
  },
  {
    name: 'somebody knocks at ports of the internet, and others are served',
    host: { halfOpen: { peers: ['203.0.113.7', '203.0.113.9'], standing: 4, saw: ['… syn-recv'] } },
    roots: [],
  },
  {
    name: 'one alone does not end its handshake: that may be its own affair',
    host: { halfOpen: { peers: ['203.0.113.7'], standing: 0, saw: ['… syn-recv'] } },
    roots: [],
  },
  {
    name: 'the disk is full, so it does not run',
    host: { attempt: tcp('refused'), heldBy: undefined, certificates: [] },
    known: { disk: { path: '/var', freeBytes: 0, totalBytes: 9e9 } },
    roots: ['edge DISK_FULL'],
  },
]
for (const { name, host, known, roots } of CASES) {
  test(`machine of an edge: ${name}`, () => assert.deepEqual(rootsOf(host, known), roots))
}

test('lookAtHost: a port where something else listens shows who, and no certificate', async (t) => {
  const listener = net.createServer((socket) => socket.on('error', () => {}).end('HTTP/1.0 400\r\n\r\n'))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  t.after(() => listener.close())
  const { port } = listener.address() as net.AddressInfo
  const resolvers = { servers: [] } as unknown as Parameters<typeof lookAtHost>[1]
  const listen = { host: '127.0.0.1', port }
  const seen = await lookAtHost({ listen }, resolvers, new AbortController().signal)
  assert.equal(seen.attempt.is, 'open')
  assert.match(seen.heldBy!, new RegExp(`\\(process ${process.pid}\\)$`))
  assert.deepEqual(seen.certificates, [])
  assert.equal(seen.name, undefined)
})

test('a table of connections that only the host of a container may enlarge is said to be one', async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'backstitch-'))
  t.after(() => rmSync(folder, { recursive: true }))
  assert.equal(await readTracked(folder), undefined)
  writeFileSync(path.join(folder, 'nf_conntrack_count'), '1000\n')
  writeFileSync(path.join(folder, 'nf_conntrack_max'), '1000\n')
  assert.deepEqual(await readTracked(folder), { count: 1000, max: 1000, fixed: false })
  chmodSync(path.join(folder, 'nf_conntrack_max'), 0o444)
  const tracked = await readTracked(folder)
  const facts = factsOf({ known: { host: { ...HEALTHY, tracked } }, without: NO_WAY, patient: PATIENT })
  const [root] = diagnose(SERVER_CHECKS, facts).roots
  assert.deepEqual(root?.verdict.fix, [
    "on this container's host: sysctl -w net.netfilter.nf_conntrack_max=2000",
  ])
})
