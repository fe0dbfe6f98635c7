/**
 * Looks at the memory of our own processes: what is live, after a collection that each look forces, and what is
 * resident, which holds what the run-time keeps for later.
 *
 * @module
 */

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { until } from '../lab/daemon.ts'
import { type Path, ROLES, type Role } from './path.ts'
import { descendants } from './usage.ts'

export interface Look {
  readonly liveBytes: number
  readonly residentBytes: number
}

const PROGRAM = pathToFileURL(path.join(import.meta.dirname, 'load', 'look.ts')).href
const ANSWER_MS = 20_000

/** What our processes are started with, to be looked at. */
export function lookable(folder: string): NodeJS.ProcessEnv {
  mkdirSync(folder, { recursive: true })
  return { NODE_OPTIONS: `--import ${PROGRAM}`, BACKSTITCH_BENCH_LOOKS: folder }
}

/** Of each place of the chain, all of its processes together. */
export async function look({ processes }: Path, folder: string): Promise<Partial<Record<Role, Look>>> {
  const found: Partial<Record<Role, Look>> = {}
  for (const role of ROLES) {
    const roots = processes[role]
    if (!roots) continue
    const files = [...roots, ...roots.flatMap(descendants)]
      .map((pid) => ({ pid, file: path.join(folder, `${pid}.looks`) }))
      .filter(({ file }) => existsSync(file))
    const each = await Promise.all(files.map(lookAt))
    found[role] = {
      liveBytes: each.reduce((sum, { liveBytes }) => sum + liveBytes, 0),
      residentBytes: each.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
    }
  }
  return found
}

async function lookAt({ pid, file }: { pid: number; file: string }): Promise<Look> {
  const lines = () => readFileSync(file, 'utf8').split('\n').slice(0, -1)
  const before = lines().length
  process.kill(pid, 'SIGUSR2')
  await until(
    () => lines().length > before,
    () => `process ${pid} does not say what memory it has`,
    ANSWER_MS,
  )
  return JSON.parse(lines().at(-1)!) as Look
}
