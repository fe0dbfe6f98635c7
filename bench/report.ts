/**
 * One run as a value: what the JSON file holds.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import os from 'node:os'
import type { Isolation } from './isolation.ts'
import type { Options } from './options.ts'
import type { Peer } from './path.ts'
import type { Skip } from './peers.ts'
import type { Entry, Result } from './rounds.ts'
import type { Verdict } from './verdicts.ts'

export interface Report {
  readonly startedAt: string
  readonly tookSeconds: number
  /** Not one that was stopped, or that a path of ours ended. */
  readonly finished: boolean
  readonly machine: Readonly<Record<string, string | number>>
  readonly options: Options
  readonly isolation: Isolation
  /** The entry every ratio is made against, and its second name in the control. */
  readonly reference: string
  readonly peers: readonly PeerFacts[]
  readonly skipped: readonly Skip[]
  readonly results: readonly Result[]
  readonly verdicts: readonly Verdict[]
}

export interface PeerFacts {
  readonly name: string
  readonly title: string
  readonly protection: string
  /** What ours does and it does not. */
  readonly lacks: string
  readonly versions: string
  readonly note?: string
  /** When and of what, if it did not see the end. */
  readonly died?: string
}

export const CONTROL_SUFFIX = '-again'

export function machineFacts(): Record<string, string | number> {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 1e9),
    kernel: os.release(),
    node: process.version,
  }
}

export function peerFacts({ name, peer, path: { note } }: Entry, died: string | undefined): PeerFacts {
  const { title, protection, lacks } = peer
  return {
    name,
    title: name.endsWith(CONTROL_SUFFIX) ? `${title}, measured a second time (control)` : title,
    protection,
    lacks,
    versions: versions(peer),
    ...(note && { note }),
    ...(died && { died }),
  }
}

function versions({ packages, version }: Peer): string {
  if (packages.length === 0 && !version) return ''
  try {
    if (version) return versionIn(execFileSync(version[0], version.slice(1), { encoding: 'utf8' }))
    const format = ['-W', '-f', '$' + '{Package} $' + '{Version}, ']
    return execFileSync('dpkg-query', [...format, ...packages], { encoding: 'utf8' }).replace(/, $/, '')
  } catch {
    return 'version unknown'
  }
}

/** Programs that tell more have it in a line of its own. */
function versionIn(text: string): string {
  const lines = text.trim().split('\n')
  return (lines.find((line) => /version/i.test(line)) ?? lines[0]!).trim()
}

export function describeHeader(report: Report): string {
  const { machine, isolation, options, peers, skipped } = report
  return [
    `${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}`,
    `${options.rounds} rounds of ${options.seconds} s per sample · ${isolation.congestionControl}` +
      `${isolation.namespace ? ' · own namespaces' : ''}${options.quick ? ' · quick: not for quoting' : ''}`,
    ...isolation.notes,
    ...peers.map(({ name, title, protection, lacks, versions, note }) =>
      [`  ${name.padEnd(18)}${title}; encrypted: ${protection}`, lacks && `without ${lacks}`, versions, note]
        .filter(Boolean)
        .join('; '),
    ),
    ...skipped.map(({ name, reason }) => `  ${name.padEnd(18)}skipped: ${reason}`),
  ].join('\n')
}
