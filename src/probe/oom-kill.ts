import { runProgram } from './run-program.ts'

/** That the kernel killed a process because there was no memory left. */
export interface OomKill {
  readonly at: string
  /** What the kernel says of it, verbatim. */
  readonly line: string
  /** Whose limit was reached; absent when it was the whole machine. */
  readonly group?: { readonly path: string; readonly usedKB: number; readonly limitKB: number }
}

/** What the kernel log says of the end of a process, where this user may read it. */
export async function lookForOomKill(pid: number, signal: AbortSignal): Promise<OomKill | undefined> {
  const logs = await Promise.all([
    runProgram('dmesg', ['--time-format', 'iso'], { signal }),
    runProgram('journalctl', ['-k', '-b', '--no-pager', '-o', 'short-iso'], { signal }),
  ])
  for (const log of logs) {
    const found = log?.status === 0 ? oomKillIn(log.stdout, pid) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

/** The newest one; numbers of processes come again. */
export function oomKillIn(text: string, pid: number): OomKill | undefined {
  const lines = text.split('\n')
  const killed = new RegExp(`^(\\S+) .*?((?:Memory cgroup o|O)ut of memory: Killed process ${pid} .*)$`)
  const at = lines.findLastIndex((line) => killed.test(line))
  if (at < 0) return undefined
  const [, time = '', said = ''] = killed.exec(lines[at]!)!
  const when = time.replace(/,\d+/, '')
  const before = lines.slice(0, at)
  const line = said.replace(/, file-rss:.*/, '')
  if (!said.startsWith('Memory cgroup')) return { at: when, line }
  const path = lastOf(before, /oom_memcg=([^,]*),/)?.[1] ?? ''
  const [, used, limit] = lastOf(before, / memory: usage (\d+)kB, limit (\d+)kB/) ?? []
  return { at: when, line, group: { path, usedKB: Number(used ?? 0), limitKB: Number(limit ?? 0) } }
}

/** The kernel says these before it says whom it killed. */
function lastOf(lines: readonly string[], pattern: RegExp): RegExpExecArray | undefined {
  const line = lines.findLast((one) => pattern.test(one))
  return line === undefined ? undefined : pattern.exec(line)!
}
