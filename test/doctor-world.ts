/**
 * Run in a network and mount namespace of its own: a real control plane and edge, a name server, a firewall; broken
 * one way at a time, and the doctor asked each time as an operator asks it. Prints what it said, as JSON.
 *
 * @module
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { Report } from '../src/doctor/report.ts'
import { openTestProxy } from '../src/link/dial/proxy.fixture.ts'
import { type DnsReply, openDnsServer } from './dns-server.ts'
import { openInspection } from './inspection.ts'
import { openSite } from './site.ts'

/** Where the launcher of this world mounted its own /etc/resolv.conf from. */
const RESOLV_CONF = process.argv[2]!
const PROGRAM = path.join(import.meta.dirname, '..', 'bin', 'backstitch')
const EDGE_NAME = 'edge.example.test'
const SERVICE_UID = 65_534

/** What the doctor said to one break. */
export interface Consultation {
  readonly name: string
  readonly firstLine: string
  readonly exit: number
  readonly tookMs: number
  readonly report: Report
}

const RCODE = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const
let edgeAnswer: DnsReply = { rcode: RCODE.NOERROR, address: [127, 0, 0, 1] }
await using _dns = await openDnsServer({ host: '127.0.0.1', port: 53 }, (name) =>
  name === EDGE_NAME ? edgeAnswer : undefined,
)
await using site = await openSite()
await using inspection = await openInspection()
await using proxy = await openTestProxy()
await using strictProxy = await openTestProxy({ auth: 'ann:secret' })
await using closedProxy = await openTestProxy({
  answer: 'HTTP/1.1 403 Forbidden\r\nContent-Length: 16\r\n\r\nAsk the helpdesk',
})
await using slowProxy = await openTestProxy({ afterMs: 4500 })
/** Every connection to the edge through here hears nothing for its first seconds. */
const slowWay = net.createServer((near) => {
  const far = net.connect(site.edge.port, '127.0.0.1').on('error', () => near.destroy())
  near.on('error', () => {}).on('close', () => far.destroy())
  near.once('data', (hello) => {
    near.pause()
    setTimeout(() => {
      far.write(hello)
      near.pipe(far).pipe(near)
    }, 2600)
  })
})
slowWay.listen(0, '127.0.0.1')
await once(slowWay, 'listening')
const portal = http.createServer((_request, response) => {
  response.writeHead(302, { location: 'http://login.hotel.example/' }).end()
})
portal.listen(0, '127.0.0.1')
await once(portal, 'listening')

const { port } = site.edge
const stateDir = path.join(site.dir, 'connector')
mkdirSync(stateDir, { mode: 0o700 })
chmodSync(site.dir, 0o755)
chownSync(stateDir, SERVICE_UID, SERVICE_UID)
const keyFile = await site.keyFile()
chownSync(keyFile, SERVICE_UID, SERVICE_UID)
const config = `${stateDir}.yaml`
writeFileSync(config, JSON.stringify({ proxyFile: path.join(site.dir, 'proxy') }))

const consultations: Consultation[] = []
const EDGE = ['--edge', `127.0.0.1:${port}`]
const NAMED_EDGE = ['--edge', `${EDGE_NAME}:${port}`]

interface Said {
  readonly said: string
  readonly exit: number
  readonly tookMs: number
}

async function ask(
  name: string,
  o: { flags?: readonly string[]; env?: NodeJS.ProcessEnv; wrap?: readonly string[]; keyFile?: string } = {},
): Promise<void> {
  const startedAt = performance.now()
  const flags = [
    '--config',
    config,
    '--state',
    stateDir,
    '--key-file',
    o.keyFile ?? keyFile,
    ...(o.flags ?? EDGE),
  ]
  const run = async (json: readonly string[], again = o.wrap !== undefined): Promise<Said> => {
    const command = [...(o.wrap ?? []), PROGRAM, ...json, 'doctor', 'connector', ...flags]
    const env = { ...process.env, HTTPS_PROXY: undefined, http_proxy: undefined, ...o.env }
    const child = spawn(command[0]!, command.slice(1), { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const [said, [exit]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number]>])
    // Two faketimes that start at once can trip over each other's shared memory, and then run nothing.
    if (said === '' && again) return run(json, false)
    return { said, exit, tookMs: Math.round(performance.now() - startedAt) }
  }
  const [data, plain] = await Promise.all([run(['--json']), run([])])
  const firstLine = plain.said.split('\n')[0]!
  consultations.push({ name, firstLine, exit: data.exit, tookMs: data.tookMs, report: JSON.parse(data.said) })
}

/** Rules of the firewall while `work` runs. */
async function behind(rule: string, work: () => Promise<void>, hook = 'output'): Promise<void> {
  execFileSync('nft', ['add', 'table', 'inet', 'broken'])
  execFileSync('nft', ['add', 'chain', 'inet', 'broken', 'out', `{ type filter hook ${hook} priority 0; }`])
  execFileSync('nft', ['add', 'rule', 'inet', 'broken', 'out', ...rule.split(' ')])
  try {
    await work()
  } finally {
    execFileSync('nft', ['delete', 'table', 'inet', 'broken'])
  }
}

async function answered(reply: DnsReply, work: () => Promise<void>): Promise<void> {
  const before = edgeAnswer
  edgeAnswer = reply
  await work()
  edgeAnswer = before
}

const toEdge = `meta skuid ${SERVICE_UID} tcp dport ${port}`
const named = (name: string) => () => ask(name, { flags: NAMED_EDGE })

await ask('healthy')
await named('healthy by name')()
await behind(`${toEdge} drop`, () => ask('dropped'))
await behind(`${toEdge} reject with tcp reset`, () => ask('reset'))
await behind(`${toEdge} reject with icmpx type admin-prohibited`, () => ask('prohibited'))
await behind(`${toEdge} drop`, () =>
  ask('proxy required', { env: { http_proxy: `http://127.0.0.1:${proxy.port}` } }),
)
await behind(`meta skuid ${SERVICE_UID} tcp dport ${port} meta length gt 1300 drop`, () => ask('narrow path'))
await ask('inspection', { flags: ['--edge', `127.0.0.1:${inspection.port}`] })
await ask('portal', { flags: ['--edge', `127.0.0.1:${(portal.address() as net.AddressInfo).port}`] })
await ask('slow clock', { wrap: ['faketime', '-f', '-312s'] })
await ask('clock a year ahead', { wrap: ['faketime', '-f', '+365d'] })
await answered({ rcode: RCODE.NXDOMAIN }, named('no such edge'))
await answered({ rcode: RCODE.SERVFAIL }, named('resolver fails'))
await answered('silence', named('resolver silent'))
await ask('slow edge', { flags: ['--edge', `127.0.0.1:${(slowWay.address() as net.AddressInfo).port}`] })
await ask('slow proxy', { flags: [...EDGE, '--proxy', `127.0.0.1:${slowProxy.port}`] })
await answered({ rcode: RCODE.NOERROR, address: [127, 0, 0, 66] }, named('sinkhole'))
await behind('udp dport 53 reject', named('resolver refuses'), 'input')
await behind('udp dport 53 reject', named('own firewall before the resolver'))
chmodSync(RESOLV_CONF, 0o600)
await named('resolver file for root only')()
chmodSync(RESOLV_CONF, 0o644)
await ask('proxy wants a login', { flags: [...EDGE, '--proxy', `127.0.0.1:${strictProxy.port}`] })
await ask('proxy refuses', { flags: [...EDGE, '--proxy', `127.0.0.1:${closedProxy.port}`] })
await ask('proxy is not there', { flags: [...EDGE, '--proxy', '127.0.0.1:1'] })
await ask('through a proxy', { flags: [...EDGE, '--proxy', `127.0.0.1:${proxy.port}`] })
const rootsKey = `${keyFile}.root`
writeFileSync(rootsKey, readFileSync(keyFile), { mode: 0o600 })
await ask('key of root', { keyFile: rootsKey })
chmodSync(stateDir, 0o500)
await ask('state read-only')
chmodSync(stateDir, 0o700)

process.stdout.write(JSON.stringify(consultations))
portal.close()
slowWay.close()
process.exit()
