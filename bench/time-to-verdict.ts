import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type LabResult, timesOf, type VerdictTimes } from './verdict-times.ts'

/** `--only verdict`: no peers and no load, but every fault of the lab. */
export const VERDICT = {
  name: 'verdict',
  title: 'time to the first line of the doctor, median and worst over every fault of the lab (needs root)',
} as const

const PROGRAM = path.join(import.meta.dirname, '..', 'bin', 'backstitch')
const CANNOT = 2

/**
 * Runs the whole lab, one variant at a time so that they do not slow each other down, or reads what a run wrote.
 *
 * @throws {Error} when the lab cannot run here.
 */
export function timeToVerdict(from?: string): VerdictTimes {
  if (from !== undefined) return timesOf(JSON.parse(readFileSync(from, 'utf8')) as LabResult[])
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-bench-'))
  try {
    const report = path.join(dir, 'lab.json')
    const run = ['lab', 'run', '--all', '--at-once', '1', '--report', report]
    const { status } = spawnSync(PROGRAM, run, { stdio: ['ignore', 'ignore', 'inherit'] })
    if (status === CANNOT) throw new Error('the lab cannot run here')
    return timesOf(JSON.parse(readFileSync(report, 'utf8')) as LabResult[])
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
