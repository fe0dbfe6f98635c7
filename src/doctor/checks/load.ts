import type { Hop } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Descriptors } from '../../probe/load.ts'
import { blind, type Check, check, type Failure, fail, pass } from '../check.ts'
import type { Facts, FactTable } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { keyWords, unitOf, verifyHealthy } from './words.ts'

const FULL = 0.95
const MIN_MEMORY_SHARE = 0.04
/** Share of the time that the daemon was ready to work and had no processor. */
const WAITED = 0.4

export const descriptors: Check = check({
  name: 'descriptors',
  title: "the daemon's file descriptors",
  hop: 'self',
  needs: ['load'],
  uses: ['daemon'],
  after: [],
  judge: ({ load: { descriptors: found }, daemon }, { patient }) => {
    if (found === undefined) {
      if (daemon?.pid === undefined) return undefined // nobody runs whose they could be
      return blind(`this user cannot see the descriptors of process ${daemon.pid}`)
    }
    if (areUsedUp(found)) return outOfDescriptors(found, patient)
    return pass(`${found.open} of ${found.limit} in process ${found.pid}`)
  },
})

export function areUsedUp({ open, limit }: Descriptors): boolean {
  return open >= limit * FULL
}

/** @param hop Whose process it is, where a machine has several. */
export function outOfDescriptors({ pid, open, limit }: Descriptors, patient: Patient, hop?: Hop): Failure {
  return fail('FD_EXHAUSTED', {
    hop,
    expected: `less than ${Math.floor(limit * FULL)} open descriptors`,
    seen: [`process ${pid} has ${open} of ${limit} open`],
    cause: 'Each session uses one, and none are left: new sessions and new connections fail.',
    fix: [
      `systemctl edit ${unitOf(patient.role)}, with: LimitNOFILE=65536`,
      `systemctl restart ${unitOf(patient.role)}`,
    ],
    verify: verifyHealthy(patient),
  })
}

/** Slowness, not an outage: comes after everything that is one. */
export const overload: Check = check({
  name: 'load',
  title: 'CPU, memory and local ports',
  hop: 'self',
  needs: ['load'],
  uses: ['daemon', 'tcp', 'app'],
  after: [],
  judge: ({ load }, { patient, known }) => {
    const found = findings(load)
    const over = [...saidByItself(known.daemon), ...found, ...(found.length > 0 ? [] : withoutPort(known))]
    if (load.memoryTotalBytes === 0) return blind('/proc/meminfo cannot be read: memory is not known')
    const summary = `load ${load.load1.toFixed(1)} on ${load.cpus} CPUs, ${percent(memoryFree(load))} of memory free`
    if (over.length === 0) return pass(summary)
    return fail('CONNECTOR_OVERLOADED', {
      expected: 'CPU time for the daemon when it has work, some free memory and free local ports',
      seen: [...over.map(({ saw }) => saw), summary],
      cause: over.map(({ cause }) => cause).join(' '),
      fix: over.some(({ saw }) => /local port|EADDRNOTAVAIL/.test(saw))
        ? MORE_PORTS
        : [
            `add a connector to the group: backstitch key create ${keyWords({ role: 'connector', group: patient.group })}`,
            'or give this machine more of what is short',
            'ps -eo rss,pcpu,pid,args --sort=-rss | head -8',
          ],
      verify: verifyHealthy(patient),
    })
  },
})

/** The whole range, and who has the ports: more connectors would help nobody whose port another program holds. */
const MORE_PORTS = [
  "sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
  'and stop the program that holds them: ss -tanp',
]

/** Of the machine, or of the control group of the edge where that is tighter: at its end the kernel kills it. */
export const hostMemory: Check = check({
  name: 'memory',
  title: 'memory left for the edge',
  hop: 'edge',
  applies: ({ patient }) => patient.host !== undefined,
  needs: ['load'],
  after: [],
  judge: ({ load }, { patient }) => {
    const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`
    const saw = `${mib(load.memoryAvailableBytes)} of ${mib(load.memoryTotalBytes)} left`
    if (memoryFree(load) >= MIN_MEMORY_SHARE) return pass(saw)
    return fail('CONNECTOR_OVERLOADED', {
      hop: 'edge',
      expected: `at least ${percent(MIN_MEMORY_SHARE)} of memory left`,
      seen: [saw],
      cause:
        'Memory is exhausted up to the limit that applies here, by the edge or by what shares that limit.',
      fix: [
        'ps -eo rss,pid,args --sort=-rss | head -8',
        `raise the memory limit of ${unitOf(patient.role)}, or of this machine, or move out what shares it`,
      ],
      verify: verifyHealthy(patient),
    })
  },
})

/** The daemon has looked for minutes, and knows what its own limits are; this look takes one second. */
function saidByItself(daemon: FactTable['daemon'] | undefined): { saw: string; cause: string }[] {
  const met = daemon?.fault?.code === 'CONNECTOR_OVERLOADED' ? daemon.fault : undefined
  const note = daemon?.notes?.find(({ code }) => code === 'CONNECTOR_OVERLOADED') ?? met
  if (note === undefined) return []
  if (note.detail.includes('local port'))
    return [
      {
        saw: `the daemon reports: ${note.detail}`,
        cause: 'No local port is left for the connections it opens.',
      },
    ]
  const cause = note.detail.startsWith('memory')
    ? 'Memory is exhausted up to the limit that applies here, by the daemon or by what shares that limit.'
    : 'It has more work than it has capacity for.'
  return [{ saw: `the daemon reports: ${note.detail}`, cause }]
}

function findings(load: FactTable['load']): { saw: string; cause: string }[] {
  const { cpus, load1, thread, localPorts } = load
  const found: { saw: string; cause: string }[] = []
  if (thread !== undefined && (thread.ran >= FULL || thread.waited >= WAITED)) {
    found.push({
      saw: `the daemon ran for ${percent(thread.ran)} and waited for a CPU for ${percent(thread.waited)} of one second; load ${load1.toFixed(1)} on ${cpus}`,
      cause:
        thread.ran >= FULL
          ? 'The daemon has more work than its CPU can do.'
          : 'Other work on this machine keeps the CPUs from the daemon.',
    })
  }
  if (memoryFree(load) < MIN_MEMORY_SHARE) {
    found.push({ saw: `${percent(memoryFree(load))} of memory left`, cause: 'Memory is exhausted.' })
  }
  if (localPorts !== undefined && localPorts.used >= localPorts.range * FULL) {
    found.push({
      saw: `${localPorts.used} of ${localPorts.range} local ports in use`,
      cause: 'No local ports are left for new connections.',
    })
  }
  return found
}

/** Ports are counted for the machine; those to one destination can be used up while others are free. */
function withoutPort({ tcp, app }: Facts['known']): { saw: string; cause: string }[] {
  const attempts = [...(tcp?.attempts ?? []), ...(app?.attempts ?? [])]
  const lost = attempts.find(({ is, errno }) => is === 'unasked' && errno === 'EADDRNOTAVAIL')
  if (lost === undefined) return []
  const where = hostPort({ host: lost.address, port: lost.port })
  return [{ saw: `${where}: EADDRNOTAVAIL`, cause: `No local port is left for a connection to ${where}.` }]
}

function memoryFree({ memoryTotalBytes, memoryAvailableBytes }: FactTable['load']): number {
  return memoryTotalBytes > 0 ? memoryAvailableBytes / memoryTotalBytes : 1
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
