import { type Command, InvalidArgumentError, Option } from 'commander'
import { name } from '../api/fields.ts'
import { Fault, type Hop } from '../base/faults.ts'
import { type WorkersSetting, workersSetting } from '../base/worker-count.ts'
import { findContext } from './context.ts'
import { Rest } from './rest.ts'

/** Options that every command takes. */
export interface Globals {
  readonly json?: boolean
  readonly context?: string
}

export function globals(command: Command): Globals {
  return command.optsWithGlobals<Globals>()
}

/** The API of the server that the context names; for programs with --json. @throws {Fault} CONTEXT_MISSING, CONTEXT_REFUSED, INVALID. */
export async function restFor(command: Command): Promise<Rest> {
  const { context, json } = globals(command)
  return new Rest(await findContext(context), { raw: json })
}

/** The end of a help text: what people really type. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const widest = Math.max(...lines.map(([command]) => command.length))
  return `\nExamples:\n${lines.map(([command, what]) => `  ${command.padEnd(widest)}  ${what}`).join('\n')}`
}

/** HOST:PORT of an option, an IPv6 address in brackets. */
export function parseHostPort(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw new InvalidArgumentError('Expected HOST:PORT.')
  return { host: (match[1] ?? match[2])!, port }
}

/** HOST or HOST:PORT of an edge or server: they are at 443 unless somebody says otherwise. */
export function parseEdge(text: string): { host: string; port: number } {
  const isBare = /^(?:\[[0-9a-f:.]+\]|[^\s:/@[\]]+)$/i.test(text)
  return parseHostPort(isBare ? `${text}:${EDGE_PORT}` : text)
}

const EDGE_PORT = 443

/** `HOST:PORT`, or `HOST:PORT/udp` for an application that takes datagrams. */
export function parseApp(text: string): { host: string; port: number; protocol?: 'udp' } {
  const isUdp = text.endsWith('/udp')
  const at = parseHostPort(text.replace(/\/(?:udp|tcp)$/, ''))
  return { ...at, ...(isUdp && { protocol: 'udp' as const }) }
}

/** As parseHostPort, for a setting that may stand in a file. @throws {Fault} INVALID naming it. */
export function readHostPort(text: string, setting: string, hop: Hop): { host: string; port: number } {
  try {
    return parseHostPort(text)
  } catch (cause) {
    throw new Fault('INVALID', `${setting} "${text}" is not HOST:PORT, an IPv6 address in brackets`, {
      ...{ cause, hop, seen: { [setting]: text } },
    })
  }
}

/** A name as objects have one: not in quotes, without a carriage return at its end. */
export function parseName(text: string): string {
  const { success, error } = name.safeParse(text)
  if (!success) throw new InvalidArgumentError(`${error.issues[0]!.message}.`)
  return text
}

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds of `90s`, `30m`, `24h`, `7d`. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text)
  if (match === null) throw new InvalidArgumentError('Expected a duration such as 90s, 30m, 24h or 7d.')
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
}

export function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d{1,9}$/.test(text) || count < 1) throw new InvalidArgumentError('Expected a whole number from 1.')
  return count
}

export function parseSeconds(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('Expected whole seconds from 0 to 9999.')
  return Number(text)
}

/** `443,8000-8100` as ranges. */
export function portsOption(text: string): [number, number][] {
  return text.split(',').map((part) => {
    const [from, to = from, ...rest] = part.split('-')
    const range: [number, number] = [parsePort(from!), parsePort(to!)]
    if (rest.length > 0 || range[0] > range[1]) throw new InvalidArgumentError('Expected 443,8000-8100.')
    return range
  })
}

/** Of every role that can spread over processes. */
export function workersOption(): Option {
  return new Option('--workers <n|auto>', 'processes that carry data, 1 to 16')
    .env('BACKSTITCH_WORKERS')
    .argParser((text): WorkersSetting => {
      const setting = workersSetting.safeParse(/^\d+$/.test(text) ? Number(text) : text)
      if (setting.success) return setting.data
      throw new InvalidArgumentError('Expected a number from 1 to 16, or auto.')
    })
}

export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) {
    throw new InvalidArgumentError('Expected a port from 1 to 65535.')
  }
  return port
}
