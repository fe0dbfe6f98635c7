/**
 * Who ends this process: a signal does not say, but systemd does, and so do the files of a version that has come since.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Parting } from '../base/parting.ts'
import { VERSION, versionOnDisk } from '../base/version.ts'
import { runProgram } from '../probe/run-program.ts'

/** Nobody waits longer for a service to stop because of a question. */
const ASK_MS = 500

/** @param signal The one that came: `SIGTERM`. */
export async function whoStops(signal: string): Promise<Parting> {
  const onDisk = versionOnDisk()
  if (onDisk !== undefined && onDisk !== VERSION) return { why: 'upgrade', detail: `${VERSION} to ${onDisk}` }
  const unit = ownUnit()
  // Whoever runs it by hand has pressed a key, or typed kill.
  if (unit === undefined || signal !== 'SIGTERM') return bySignal(signal, unit)
  const o = { signal: AbortSignal.timeout(ASK_MS) }
  try {
    const [system, jobs] = await Promise.all([
      runProgram('systemctl', ['is-system-running'], o),
      runProgram('systemctl', ['list-jobs', '--no-legend', '--plain', unit], o),
    ])
    return partingBy({ system: system?.stdout ?? '', jobs: jobs?.stdout ?? '', unit })
  } catch {
    return bySignal(signal, unit)
  }
}

/** What systemd is at, in its words. Pure. */
export function partingBy({ system, jobs, unit }: { system: string; jobs: string; unit: string }): Parting {
  if (system.trim() === 'stopping') return { why: 'shutdown' }
  const type = jobs.split('\n').flatMap((line) => {
    const [, of, type] = line.trim().split(/\s+/)
    return of === unit ? [type] : []
  })[0]
  if (type === 'restart') return { why: 'service-restart', detail: unit }
  if (type === 'stop') return { why: 'service-stop', detail: unit }
  return bySignal('SIGTERM', unit)
}

function bySignal(signal: string, unit: string | undefined): Parting {
  const keeper = unit ?? parentName()
  return { why: 'signal', detail: keeper === undefined ? signal : `${signal}, kept by ${keeper}` }
}

/** The service of systemd that this process is the main part of. */
function ownUnit(): string | undefined {
  if (process.env.INVOCATION_ID === undefined) return undefined
  try {
    return /([^/\n]+\.service)\/?$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

/** A supervisor, a shell, a container runtime. */
function parentName(): string | undefined {
  try {
    return readFileSync(`/proc/${process.ppid}/comm`, 'utf8').trim() || undefined
  } catch {
    return undefined // of a container it may be outside
  }
}
