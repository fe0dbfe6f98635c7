/**
 * What half a million sessions and audit records cost beside lists: a start, a question about one thing, and their end.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { newId } from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import { openParts } from '../../../src/control/parts.ts'
import { archiveAudit } from '../../../src/store/audit-archive.ts'
import { DATABASE, MASTER_KEY } from '../../../src/store/backup-file.ts'
import { issuedGrant } from '../../../src/store/sessions.fixture.ts'
import { openStore, type Store } from '../../../src/store/store.ts'
import type { Figure, Measured } from '../figure.ts'
import { type LargeWorld, largeWorld } from '../large-world.ts'
import { measure } from '../measure.ts'

const DAY_MS = 86_400_000
const STEP_GOAL = 'longest step ≤ 50 ms'

export const HALF_A_MILLION: readonly Figure[] = [
  {
    name: 'start-with-sessions',
    title: 'start of the control plane with sessions and live grants, until it decides',
    ...{ statistic: 'max', goalMs: 5000, shape: 'none' },
    mayHold: true,
    run: async ({ size }) =>
      onCopy(await largeWorld(size), async (stateDir, { filled }) => {
        writeFileSync(path.join(stateDir, MASTER_KEY), randomBytes(32).toString('base64'), { mode: 0o600 })
        const open = () => openParts({ stateDir, edge: { host: 'edge.example', port: 443 }, log: silentLog })
        const { store } = await open()
        await store.transaction(async (tx) => {
          for (let n = 0; n < size; n++) {
            const [deviceId, userId] = [filled.devices[n]!, filled.users[n]!]
            const connectorId = filled.connectors[n % filled.connectors.length]!
            await tx.revocations.issued({
              ...issuedGrant({ deviceId, userId, connectorId }),
              id: newId('grt'),
            })
          }
        })
        await store[Symbol.asyncDispose]()
        let live = 0
        const start = async () => {
          const parts = await open()
          await parts.policy()
          live = [...parts.live.at(parts.clock.nowMs())].length
          await parts.store[Symbol.asyncDispose]()
        }
        const measured = await measure(start, { times: 3, warmUp: 0 })
        return { ...measured, note: `${size * 50} sessions, ${live} live grants` }
      }),
  },
  {
    name: 'diagnosis',
    title: 'health of a segment, and a connector asked to look at its application, until the question leaves',
    ...{ statistic: 'max', goalMs: 50, shape: 'none' },
    async run({ size }) {
      const { rest, get, filled } = await largeWorld(size)
      return measure(
        async (time) => {
          const n = Math.abs(time * 7919) % size
          await get(`/api/v1/segments/app${n}/health`)
          // Nobody is connected here, which is the answer.
          const connector = filled.connectors[n % filled.connectors.length]
          const body = { app: { host: `app${n}.corp.example`, port: 443 } }
          const { text } = await rest.ask('POST', `/api/v1/connectors/${connector}/diagnose`, { body })
          if (!text.includes('CONNECTOR_DISCONNECTED')) throw new Error(`diagnose: ${text.slice(0, 200)}`)
        },
        { times: 50 },
      )
    },
  },
  sweep('sweep-sessions', 'sweep of all sessions', (store) => store.sessions.sweep(Date.now() + DAY_MS)),
  sweep('archive-audit', 'all audit records into files', (store, dir) =>
    archiveAudit(store, { beforeMs: Date.now() + DAY_MS, dir: path.join(dir, 'audit') }),
  ),
]

function sweep(name: string, title: string, work: (store: Store, dir: string) => Promise<unknown>): Figure {
  return {
    ...{ name, title, statistic: 'max', shape: 'none' },
    run: async ({ size }) =>
      onCopy(await largeWorld(size), async (dir) => {
        await using store = await openStore({ file: path.join(dir, DATABASE) })
        const measured = await measure(() => work(store, dir), { times: 1, warmUp: 0 })
        return { ...measured, note: `${size * 50} rows; ${STEP_GOAL}` }
      }),
  }
}

/** In a folder of its own, with a store that nobody else needs. */
async function onCopy(
  world: LargeWorld,
  run: (dir: string, world: LargeWorld) => Promise<Measured>,
): Promise<Measured> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-half-a-million-'))
  try {
    for (const end of ['', '-wal']) cpSync(world.file + end, path.join(dir, DATABASE + end), { force: true })
    return await run(dir, world)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
