/**
 * A file of as many new segments as there are already, applied through the API, and what others wait meanwhile.
 *
 * @module
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { silentLog } from '../../../src/base/log.ts'
import { LoopWatch } from '../../../src/base/loop-watch.ts'
import { connected } from '../../../src/control/agents/control.fixture.ts'
import { agentHandlers } from '../../../src/control/agents/handlers.ts'
import { type ControlParts, openParts } from '../../../src/control/parts.ts'
import { createToken } from '../../../src/control/rest/auth.ts'
import { RestFixture } from '../../../src/control/rest/fixture.ts'
import { issuedGrant, sessionReportOf } from '../../../src/store/sessions.fixture.ts'
import type { At, Figure, Measured, Statistic } from '../figure.ts'
import { threadCpuMs } from '../measure.ts'
import type { World } from '../world.ts'

/**
 * As often is each of the others asked, in CPU of the thread that all of it shares: on a machine that has other work to
 * do the apply takes longer by the clock, and would have more of them beside it.
 */
const EVERY_CPU_MS = 20

const KINDS = ['create', 'same', 'prune'] as const
type Times = { readonly quiet: Waits } & { -readonly [Key in (typeof KINDS)[number]]?: Measured } & {
  readonly authorize: Waits
  readonly list: Waits
  readonly report: Waits
}

/** What each has waited: by the clock, and in CPU of the thread, which is its own and that of all who had a turn before it. */
interface Waits {
  readonly ms: number[]
  readonly cpuMs: number[]
}

/** As many questions are asked beside the other two before anything is applied. */
const QUIET = 100

const noWaits = (): Waits => ({ ms: [], cpuMs: [] })

let measured: { readonly size: number; readonly times: Promise<Times> } | undefined

/** One run for all figures of one size. */
function timesAt({ size, world }: At): Promise<Times> {
  if (measured?.size !== size) measured = { size, times: run(size, world) }
  return measured.times
}

async function run(size: number, world: World): Promise<Times> {
  const stateDir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-apply-'))
  await using owned = new AsyncDisposableStack()
  owned.defer(() => rmSync(stateDir, { recursive: true, force: true }))
  cpSync(world.stateDir, stateDir, { recursive: true })
  const parts = await openParts({ stateDir, edge: { host: 'edge.example', port: 443 }, log: silentLog })
  parts.home.port = 443
  const { store, policy } = parts
  for (const id of world.made.connectors) parts.presence.addConnector(connected('connector', id))
  const token = await store.transaction((tx) => createToken(tx, { name: 'bench', role: 'owner' }))
  const rest = owned.use(
    await RestFixture.open({ control: { store, firstToken: token.text }, deps: { policy } }),
  )
  const times: Times = { quiet: noWaits(), authorize: noWaits(), list: noWaits(), report: noWaits() }
  const documents = Array.from({ length: Math.min(size, 10_000) }, (_, n) => ({
    ...{ kind: 'segment', name: `new${n}`, domains: [`new${n}.example`], tcp: ['22'], serverGroups: ['sg0'] },
  }))
  const apply = async (body: object): Promise<Measured> => {
    using watch = new LoopWatch({ intervalMs: 1 })
    const startMs = performance.now()
    const start = process.threadCpuUsage()
    const { status, text } = await rest.ask('POST', '/api/v1/apply', { body })
    const tookMs = performance.now() - startMs
    const { user, system } = process.threadCpuUsage(start)
    if (status !== 200) throw new Error(`apply: ${status} ${text.slice(0, 300)}`)
    return {
      ms: [tookMs],
      cpuMs: [(user + system) / 1000],
      heldMs: watch.longestMs,
      note: `${documents.length} documents`,
    }
  }
  await policy()
  {
    const quiet = { ...times, authorize: times.quiet, list: noWaits(), report: noWaits() }
    await using _ = askMeanwhile(parts, world, rest, quiet)
    while (quiet.authorize.ms.length < QUIET) await wait(1)
  }
  owned.use(askMeanwhile(parts, world, rest, times))
  times.create = await apply({ documents })
  times.same = await apply({ documents })
  const servers = documents.map((_, n) => ({ kind: 'server', name: `srv${n}`, address: '192.0.2.1' }))
  await apply({ documents: servers })
  times.prune = await apply({ documents: servers.slice(0, 1), prune: true })
  return times
}

/** Asks each of the others again and again until it is disposed. */
function askMeanwhile(
  parts: ControlParts,
  { made }: World,
  rest: RestFixture,
  times: Times,
): AsyncDisposable {
  const stop = new AbortController()
  const handlers = agentHandlers(parts)
  const clients = made.devices.slice(0, 50).map((id, n) => ({
    ...connected('client', id),
    device: { name: `d${n}`, userId: made.users[n]! },
  }))
  const loop = async (into: Waits, ask: (n: number) => Promise<unknown>) => {
    for (let n = 0; !stop.signal.aborted; n++) {
      const startMs = performance.now()
      const startCpuMs = threadCpuMs()
      await ask(n)
      const endCpuMs = threadCpuMs()
      into.ms.push(performance.now() - startMs)
      into.cpuMs.push(endCpuMs - startCpuMs)
      while (!stop.signal.aborted && threadCpuMs() - endCpuMs < EVERY_CPU_MS) await wait(4)
    }
  }
  const asked = [
    loop(times.authorize, (n) => {
      const who = n % clients.length
      const destination = { host: `app${who}.corp.example`, port: 443, protocol: 'tcp' } as const
      return handlers.handle(clients[who]!, { type: 'authorize', id: `${n}`, ...destination } as never)
    }),
    loop(times.list, () => rest.ask('GET', '/api/v1/segments')),
    loop(times.report, (n) => {
      const who = n % clients.length
      const grant = issuedGrant({
        deviceId: clients[who]!.peer.identity.id,
        userId: made.users[who]!,
        connectorId: made.connectors[0]!,
      })
      const report = sessionReportOf(grant, 1)
      return parts.store.revocations.issued(grant).then(() =>
        handlers.handle(clients[who]!, {
          type: 'session',
          id: `s${n}`,
          reports: [report],
          shed: 0,
        } as never),
      )
    }),
  ]
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await Promise.all(asked)
    },
  }
}

function total(key: (typeof KINDS)[number], title: string): Figure {
  return {
    name: `apply-${key}`,
    ...{ title, statistic: 'max', goalMs: 5000 },
    run: async (at) => (await timesAt(at))[key] ?? { ms: [] },
  }
}

function beside(
  key: 'quiet' | 'authorize' | 'list' | 'report',
  title: string,
  statistic: Statistic,
  goalMs?: number,
): Figure {
  return {
    name: `beside-apply-${key}-${statistic}`,
    ...{ title, statistic, ...(goalMs !== undefined && { goalMs }) },
    run: async (at) => (await timesAt(at))[key],
  }
}

export const APPLIES: readonly Figure[] = [
  total('create', 'apply of as many new segments as there are'),
  total('same', 'the same file again'),
  total('prune', 'prune of as many servers but one'),
  beside('quiet', 'a question beside such pages and reports, without an apply', 'median'),
  beside('authorize', 'a question meanwhile, until its grant is durable', 'median', 5),
  beside('authorize', 'the same', 'p99', 250),
  beside('authorize', 'the longest', 'max'),
  beside('list', 'a page of segments meanwhile', 'median', 50),
  beside('report', 'a session report meanwhile, until it is durable', 'median'),
]
