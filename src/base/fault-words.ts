/**
 * The words of the fault table as they are here and now: what stands in them in capitals is filled with what is known,
 * so that a command that is printed can be pasted. What nobody knows stays as it is.
 *
 * @module
 */
import { caseOf } from './fault-cases.ts'
import { FAULTS, type Fault } from './faults.ts'
import { urlHost } from './host-port.ts'

/** Everything in capitals that a row of the table may leave open for whoever prints it. fault-words.test.ts keeps to it. */
export const PLACEHOLDERS = [
  'APP',
  'PORT',
  'SEGMENT',
  'GROUP',
  'CONNECTOR',
  'DENIAL',
  'DEVICE',
  'EDGE',
  'LISTEN',
  'KEYFILE',
  'KIND',
  'STATE',
  'INTERFACE',
] as const
export type Placeholder = (typeof PLACEHOLDERS)[number]
export type PlaceholderValues = { readonly [name in Placeholder]?: string | number | undefined }

const OPEN = new RegExp(`(?<![\\w-])(?:(?:APP|EDGE):PORT|${PLACEHOLDERS.join('|')})(?![\\w-])`, 'g')

/** Values come from names that people chose: whatever a shell would take apart is quoted. */
export function fillIn(text: string, known: PlaceholderValues): string {
  return text.replaceAll(OPEN, (open) => {
    const [first, second] = open.split(':') as [Placeholder, Placeholder?]
    const value = known[first]
    if (second === undefined) return value === undefined ? open : shellWord(String(value))
    const port = known[second]
    if (value === undefined || port === undefined) return open
    return shellWord(`${urlHost(String(value))}:${port}`)
  })
}

/** A shell takes it as one word. */
export function shellWord(value: string): string {
  return /^[\w.:@/-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`
}

export interface Words {
  readonly title: string
  readonly cause: string
  readonly fix: string
  readonly verify: string
}

/** What the table says of a fault, with what its evidence names, and what whoever prints it knows besides. */
export function wordsOf(fault: Pick<Fault, 'code' | 'seen'>, known: PlaceholderValues = {}): Words {
  const { title, cause, fix, verify } = { ...FAULTS[fault.code], ...caseOf(fault) }
  const all = { ...edgeTried(fault), ...namedIn(fault.seen), ...defined(known) }
  return { title, cause: fillIn(cause, all), fix: fillIn(fix, all), verify: fillIn(verify, all) }
}

/** Of an edge that was dialled the first attempt: `10.0.0.5:443 ECONNREFUSED`. */
function edgeTried({ code, seen: { attempts } }: Pick<Fault, 'code' | 'seen'>): PlaceholderValues {
  if (!code.startsWith('EGRESS_') || !Array.isArray(attempts)) return {}
  const [, host, port] = /^\[?([^\]\s]+?)\]?:(\d+) /.exec(String(attempts[0])) ?? []
  return defined({ EDGE: host, PORT: port })
}

/** `destination` is `HOST PROTOCOL PORT`. */
function namedIn(seen: Fault['seen']): PlaceholderValues {
  const text = (name: string) => (typeof seen[name] === 'string' ? (seen[name] as string) : undefined)
  const [, host, port] = /^(\S+) (?:tcp|udp) (\d+)$/.exec(text('destination') ?? '') ?? []
  return defined({
    ...{ APP: host, PORT: port, SEGMENT: text('segment') },
    ...{ GROUP: text('groupName') ?? text('group'), EDGE: text('edgeName') },
    ...{ CONNECTOR: text('connector'), DENIAL: text('denial'), DEVICE: text('device'), KIND: text('kind') },
  })
}

function defined(known: PlaceholderValues): PlaceholderValues {
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined && value !== ''))
}
