/**
 * What people do with a file server and a git server: one large file fetched, one large repository cloned. Direct is
 * the ceiling: the clients of these protocols wait for round trips, and have work of their own.
 *
 * @module
 */

import { rmSync } from 'node:fs'
import path from 'node:path'
import { costMetrics, costSample, startMeter } from '../cost.ts'
import { lackingGit, lackingSmb, sharedFile, sharedRepository } from '../file-services.ts'
import { Generator } from '../generator.ts'
import type { Metric, Sample, Subject, Workload } from '../workload.ts'

const FILE_BYTES = 1_000_000_000
const FILES = 30_000
const QUICK = 50
const LIMIT_MS = 300_000

const METRICS: readonly Metric[] = [
  { name: 'rate', unit: 'MB/s', better: 'higher', digits: 0 },
  { name: 'took', unit: 's', better: 'lower', digits: 2 },
  ...costMetrics('s/GB', 2),
]
/** Those whose way ends at the one application that has such servers. */
const onlyFor = ({ name }: { name: string }) => !name.startsWith('nebula')

export const smb: Workload = {
  name: 'smb',
  title: 'a file of 1 GB fetched from an SMB share',
  metrics: METRICS,
  onlyFor,
  maxRounds: 3,
  lacking: lackingSmb,
  async measure(subject) {
    const bytes = subject.quick ? FILE_BYTES / QUICK : FILE_BYTES
    const { host, port } = subject.path.to.smb!
    const [share, file] = sharedFile(subject.site.application.dir, bytes).split('/') as [string, string]
    const command = ['smbclient', `//${host}/${share}`, '-p', `${port}`, '-N', '-E']
    const get = ['-c', `get ${file} /dev/null`]
    return timed(subject, [...command, ...get] as [string, ...string[]], bytes)
  },
}

export const gitClone: Workload = {
  name: 'git-clone',
  title: `a repository of ${FILES} files cloned from git daemon`,
  metrics: METRICS,
  onlyFor,
  maxRounds: 3,
  lacking: lackingGit,
  async measure(subject) {
    const { host, port } = subject.path.to.git!
    const files = subject.quick ? FILES / QUICK : FILES
    const { at, bytes } = await sharedRepository(subject.site.application.dir, files)
    const to = path.join(subject.site.dir, 'clone')
    const clone = ['git', 'clone', '--quiet', '--bare', `git://${host}:${port}${at}`, to] as const
    try {
      return await timed(subject, [...clone], bytes)
    } finally {
      rmSync(to, { recursive: true, force: true })
    }
  },
}

/** From the start of the program to its end. */
async function timed({ path }: Subject, command: [string, ...string[]], bytes: number): Promise<Sample> {
  const used = startMeter(path)
  const startMs = performance.now()
  await using client = new Generator(command, LIMIT_MS)
  await client.text()
  const took = (performance.now() - startMs) / 1000
  return { rate: bytes / 1e6 / took, took, ...costSample(used(), bytes / 1e9) }
}
