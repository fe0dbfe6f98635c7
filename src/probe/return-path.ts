import { readFile } from 'node:fs/promises'
import { runProgram } from './run-program.ts'

/** Answers that this machine threw away since they came by an interface that it would not have used itself. */
export interface ReturnPathFacts {
  /** Dropped by the reverse path filter while the connection was tried. */
  readonly filtered: number
  /** What `ip route get` says of the way there: interface and source address. */
  readonly route?: string
}

/** Packets dropped by the reverse path filter since boot, of this network namespace; nothing where it is not counted. */
export async function readFiltered(file = '/proc/net/netstat'): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return counterOf(text, 'TcpExt', 'IPReversePathFilter')
}

/** The file has two lines for each group: names, then figures. */
export function counterOf(text: string, group: string, name: string): number | undefined {
  const [names, figures] = text
    .split('\n')
    .filter((line) => line.startsWith(`${group}:`))
    .map((line) => line.split(' '))
  const figure = figures?.[names?.indexOf(name) ?? -1]
  return figure === undefined ? undefined : Number(figure)
}

/** What was dropped since `before`, and which way this machine goes there; nothing if nothing was. Never throws. */
export async function lookAtReturnPath(
  before: number | undefined,
  address: string,
  signal: AbortSignal,
): Promise<ReturnPathFacts | undefined> {
  const after = await readFiltered()
  if (before === undefined || after === undefined || after <= before) return undefined
  const said = await runProgram('ip', ['route', 'get', address], { signal, timeoutMs: 1000 })
  const route = said?.stdout.split('\n')[0]?.trim()
  return { filtered: after - before, route: route || undefined }
}
