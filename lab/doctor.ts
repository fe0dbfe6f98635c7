/**
 * `backstitch doctor` on a machine of the lab: what it prints, and what it says as data.
 *
 * @module
 */
import type { FaultCode, Hop } from '../src/base/faults.ts'
import type { LabConnector } from './connector.ts'
import type { Machine } from './machine.ts'
import { isSlowHost } from './pace.ts'
import { PROGRAM } from './paths.ts'
import { APP_NETWORK } from './topology.ts'

export interface Finding {
  readonly hop: Hop
  readonly code: FaultCode
  readonly seen: readonly string[]
  readonly cause: string
  readonly fix: readonly string[]
  readonly verify: { readonly run: string; readonly expect: string }
}

interface CheckLine {
  readonly check: string
  readonly hop: Hop
  readonly verdict: 'pass' | 'fail' | 'skip' | 'unknown'
  readonly text: string
}

export interface Consultation {
  /** What was typed, where it is not the verify command that was. */
  readonly command?: string
  /** What a person sees. */
  readonly text: string
  readonly firstLine: string
  readonly exitCode: number | null
  /** Until the first line could be read: it comes as soon as nothing can overturn it. */
  readonly verdictMs: number
  readonly tookMs: number
  readonly outcome: 'healthy' | 'fault' | 'unknown'
  readonly findings: readonly Finding[]
  readonly checks: readonly CheckLine[]
}

/** @param app HOST:PORT to look at, too. */
export async function consult(connector: LabConnector, app?: string): Promise<Consultation> {
  const { machine, stateDir, configFile } = connector
  const where = ['--config', configFile, '--state', stateDir]
  const about = app === undefined ? [] : ['--app', app, '--network', APP_NETWORK]
  return consultAt(machine, ['doctor', 'connector', ...where, ...about])
}

/** @param asked `doctor edge --state DIR`. */
export async function consultAt(machine: Machine, asked: readonly string[]): Promise<Consultation> {
  const [plain, data] = await Promise.all([
    machine.run(PROGRAM, ...asked),
    machine.run(PROGRAM, '--json', ...asked),
  ])
  const report = parse(data.stdout)
  if (report === undefined) throw new Error(`the doctor printed no JSON: ${data.stdout}${data.stderr}`)
  return {
    text: plain.stdout,
    firstLine: plain.stdout.split('\n')[0] ?? '',
    exitCode: plain.code,
    verdictMs: plain.firstOutputMs ?? plain.tookMs,
    tookMs: plain.tookMs,
    ...report,
  }
}

function parse(text: string): Pick<Consultation, 'outcome' | 'findings' | 'checks'> | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The lab may share its processors with other work, and then it is true that they are too few: no part of a story. */
export function notOfThisHost({ code, seen }: Finding): boolean {
  if (code === 'STOOD_STILL') return !isSlowHost()
  return code !== 'CONNECTOR_OVERLOADED' || seen.some((line) => LACKS_MORE_THAN_PROCESSORS.test(line))
}

const LACKS_MORE_THAN_PROCESSORS = /(memory|descriptors|local ports) \d+ %|of memory left|local ports in use/

/** What is wrong with this consultation of somebody who is ill with `wanted`; nothing if it is right. */
export function faultsOf(
  { firstLine, exitCode, findings, checks }: Consultation,
  wanted: {
    readonly hop: Hop
    readonly code: FaultCode
    readonly seen: readonly RegExp[]
    readonly cause?: RegExp
  },
): string[] {
  const problems: string[] = []
  if (!firstLine.startsWith(`${wanted.hop} ${wanted.code}: `)) {
    problems.push(`the first line should begin with "${wanted.hop} ${wanted.code}: "; it is "${firstLine}"`)
  }
  if (exitCode !== 1) problems.push(`the exit code should be 1; it is ${exitCode}`)
  const others = findings
    .slice(1)
    .filter(notOfThisHost)
    .map(({ hop, code }) => `${hop} ${code}`)
  if (others.length > 0) problems.push(`other hops are blamed too: ${others.join(', ')}`)
  const seen = findings[0]?.seen.join('\n') ?? ''
  for (const evidence of wanted.seen) {
    if (!evidence.test(seen)) problems.push(`the evidence ${evidence} is not quoted in:\n${seen}`)
  }
  const cause = findings[0]?.cause ?? ''
  if (wanted.cause?.test(cause) === false) problems.push(`the cause is not ${wanted.cause}: ${cause}`)
  const failed = checks.findIndex(({ verdict }) => verdict === 'fail')
  const blaming = checks
    .slice(failed + 1)
    .filter(({ verdict, check }) => verdict === 'fail' && check !== 'load')
  if (blaming.length > 0) problems.push(`later checks fail: ${blaming.map(({ check }) => check).join(', ')}`)
  return problems
}
