/** What is said of a process that the kernel killed because there was no memory left. */
import type { OomKill } from '../../probe/oom-kill.ts'

export function killedFor(oomKill: OomKill | undefined): string[] {
  if (oomKill === undefined) return []
  const { at, line, group } = oomKill
  const said = `the kernel at ${at}: ${line}`
  return group
    ? [said, `control group ${group.path}: ${mb(group.usedKB)} of ${mb(group.limitKB)} used`]
    : [said]
}

export function whyKilled(oomKill: OomKill | undefined): string {
  return oomKill !== undefined && oomKill.group === undefined
    ? 'The kernel killed it: this machine was out of memory.'
    : 'The kernel killed it: its control group, with everything in it, reached its memory limit.'
}

/** Started as it was, it would be killed again. */
export function moreMemory(oomKill: OomKill | undefined, unit: string | undefined): string[] {
  const look = 'ps -eo rss,pid,args --sort=-rss | head -8'
  if (oomKill !== undefined && oomKill.group === undefined) {
    return [look, 'give this machine more memory, or stop what uses too much']
  }
  const limit = oomKill?.group === undefined ? '' : `, over ${mb(oomKill.group.limitKB)}`
  const where = unit === undefined ? `control group ${oomKill?.group?.path}` : unit
  return [look, `raise the memory limit of ${where}${limit}, or move out what shares it`]
}

function mb(kilobytes: number): string {
  return `${Math.round(kilobytes / 1024)} MB`
}
