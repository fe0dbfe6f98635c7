/**
 * ls, top, free, df and the audit log, as they speak.
 *
 * @module
 */
import { denialsIn } from '../../probe/lsm-denials.ts'
import { byLine, type Clue, type ClueReader } from './clue.ts'

const FULL_PERCENT = 95

export const files = byLine([
  {
    code: 'RESOLVER_UNREADABLE',
    says: /^-rw-?-?-{4,}.*?\s(\S+)\s+(\S+)\s.*\s(\/\S*resolv\.conf)\b|^-rw[x-]r?[w-][x-]---.*\s(\/\S*resolv\.conf)\b/,
    why: ([, owner, , file]) =>
      `Only ${owner ?? 'its owner'} may read ${file ?? '/etc/resolv.conf'}; the daemon is another user.`,
  },
  { code: 'KEY_MISSING', says: /(\S*provision_key)'?: No such file or directory/ },
  { code: 'KEY_UNREADABLE', says: /(\S*provision_key)'?: Permission denied/ },
  {
    code: 'KEY_MALFORMED',
    says: /[\u2018\u2019\u201c\u201d\ufeff]\s*\d\|/,
    why: ([found]) =>
      `The key begins with U+${found!.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}, which no key contains.`,
  },
])

export const denials: ClueReader = (lines) =>
  lines.flatMap((line): Clue[] =>
    denialsIn(line.text, ['']).length === 0 ? [] : [{ code: 'MAC_DENIED', line }],
  )

/** One line of df: file system, three sizes, share, mount point. */
export const df = byLine([
  {
    code: 'DISK_FULL',
    says: /^\S+\s+[\d.]+[KMGTP]?\s+[\d.]+[KMGTP]?\s+[\d.]+[KMGTP]?\s+(?:99|100)%\s+(\/\S*)/,
    why: ([, mount]) => `The file system at ${mount} is full.`,
  },
  { code: 'DISK_FULL', says: /No space left on device|ENOSPC/ },
])

export const top: ClueReader = (lines) =>
  lines.flatMap((line): Clue[] => {
    const why = processor(line.text) ?? memory(line.text)
    return why === undefined ? [] : [{ code: 'CONNECTOR_OVERLOADED', line, why }]
  })

function processor(text: string): string | undefined {
  const found = /^%?Cpu\(s\):\s*([\d.]+)\s*us,\s*([\d.]+)\s*sy/i.exec(text)
  if (found === null) return undefined
  const busy = Number(found[1]) + Number(found[2])
  return busy >= FULL_PERCENT ? `The CPUs are busy ${Math.round(busy)} % of the time.` : undefined
}

/** free writes columns in a fixed order, top names each. */
function memory(text: string): string | undefined {
  if (!/^\s*(?:[KMG]iB )?Mem\s*:/i.test(text)) return undefined
  const named = (name: string) => new RegExp(`([\\d.]+)\\s*${name}|${name}\\s+([\\d.]+)`).exec(text)
  const number = (name: string) => Number(named(name)?.[1] ?? named(name)?.[2])
  const columns = text.match(/[\d.]+/g)?.map(Number) ?? []
  const byName = /total/.test(text)
  const total = byName ? number('total') : columns[0]!
  // What programs could have counts, not what is unused: the cache gives way.
  const left = byName
    ? Number.isNaN(number('avail'))
      ? number('free')
      : number('avail')
    : (columns[5] ?? columns[2]!)
  if (!(total > 0) || !(left >= 0)) return undefined
  const used = Math.round((1 - left / total) * 100)
  return used >= FULL_PERCENT ? `${used} % of memory is in use.` : undefined
}
