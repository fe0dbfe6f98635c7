import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { silentLog } from '../../../src/base/log.ts'
import { openParts } from '../../../src/control/parts.ts'
import { decideHere } from '../../../src/control/trace/decide-here.ts'
import { findSubject } from '../../../src/control/trace/subject.ts'
import type { Figure } from '../figure.ts'
import { measure } from '../measure.ts'

/** From a state folder that is there to the first decision, and the part of a trace that is decided here. */
export const STARTS: readonly Figure[] = [
  {
    name: 'start',
    title: 'start of the control plane, until it decides',
    ...{ statistic: 'max', goalMs: 5000 },
    mayHold: true,
    async run({ world }) {
      const stateDir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-start-'))
      try {
        cpSync(world.stateDir, stateDir, { recursive: true })
        return await measure(
          async () => {
            const parts = await openParts({
              stateDir,
              edge: { host: 'edge.example', port: 443 },
              log: silentLog,
            })
            await parts.policy()
            await parts.store[Symbol.asyncDispose]()
          },
          { times: 3, warmUp: 0 },
        )
      } finally {
        rmSync(stateDir, { recursive: true, force: true })
      }
    },
  },
  {
    name: 'trace-decision',
    title: 'what a trace says of policy and selection',
    ...{ statistic: 'p99', goalMs: 1000 },
    async run({ world: { parts, made } }) {
      await parts.policy()
      return measure(
        async (time) => {
          const n = Math.abs(time * 7919) % made.users.length
          const input = {
            user: `user${n}`,
            host: `app${n}.corp.example`,
            port: 443,
            protocol: 'tcp' as const,
          }
          const subject = await findSubject(parts, input)
          const { chosen } = decideHere(parts, await parts.policy(), subject, input)
          if (chosen === undefined) throw new Error(`Cannot count this: ${input.host} has no connector`)
        },
        { times: 100 },
      )
    },
  },
]
