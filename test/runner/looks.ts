/**
 * Checks that look at files and run no test: each is one.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Failure } from './batch.ts'
import { allTestFiles, filesOf, STAGES } from './stages.ts'

/** What is wrong, or undefined. */
type Look = () => Failure | undefined | Promise<Failure | undefined>

export const LOOKS: Readonly<Record<string, Look>> = {
  'lock file': checkLockFile,
  'test files': checkTestFiles,
  types: () => program('tsc', '--noEmit'),
  lint: () => program('biome', 'check', '--error-on-warnings', '--colors=off'),
  'dead code': () => program('knip', '--no-progress'),
}

/** One program of node_modules/.bin as one check. */
async function program(name: string, ...args: string[]): Promise<Failure | undefined> {
  const child = spawn(process.execPath, [path.join('node_modules', '.bin', name), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Programs that write into a report write no colours.
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
  }
  const [status] = (await once(child, 'close')) as [number | null]
  return status === 0 ? undefined : { where: '', name: `${name} ${args.join(' ')}`, text }
}

/** Without an entry for every platform `npm ci` refuses; with `resolved` it would pin one registry host. */
function checkLockFile(): Failure | undefined {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>
  }
  const problems: string[] = []
  for (const [name, entry] of Object.entries(lock.packages)) {
    if (entry.resolved !== undefined) problems.push(`${name} has a resolved URL`)
    for (const optional of Object.keys(entry.optionalDependencies ?? {})) {
      if (lock.packages[`node_modules/${optional}`] === undefined)
        problems.push(`${name} lists ${optional}, which has no entry`)
    }
  }
  if (problems.length === 0) return undefined
  return { where: 'package-lock.json', name: 'lock file is whole', text: problems.join('\n') }
}

/** A test file in a new folder would be run by nobody; one of two stages twice. */
function checkTestFiles(): Failure | undefined {
  const run = Map.groupBy(STAGES.flatMap(filesOf), (file) => file)
  const wrong = allTestFiles().filter((file) => run.get(file)?.length !== 1)
  if (wrong.length === 0) return undefined
  return { where: 'test/runner/stages.ts', name: 'every test file is of one stage', text: wrong.join('\n') }
}
