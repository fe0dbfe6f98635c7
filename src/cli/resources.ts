import { type Command, InvalidArgumentError } from 'commander'
import { called, findKind, KIND_NAMES, type Kind } from '../api/kinds.ts'
import type { SessionResource } from '../api/sessions.ts'
import type { StillOpen } from '../api/sign-ins.ts'
import type { DenialResource } from '../api/trace.ts'
import { asFault } from '../base/faults.ts'
import { nearest } from '../base/nearest.ts'
import { cellsOf, HEADS } from './columns.ts'
import { denialText } from './denial-text.ts'
import { awayText, connectorText, describeEdgeText, withOutages } from './describe-connector.ts'
import { deviceText } from './describe-device.ts'
import { healthText } from './describe-health.ts'
import { examples, globals, parseCount, restFor } from './globals.ts'
import { keyText } from './key-refusal.ts'
import { findingsAbout, findingText } from './lint.ts'
import { printListJson, printListTable } from './print-list.ts'
import type { ResourceRow } from './resource-row.ts'
import type { Rest } from './rest.ts'
import { chainText } from './segment-chain.ts'
import { stillOpenText } from './still-open.ts'
import { print, printJson, say, table } from './terminal.ts'
import { sessionText } from './timeline.ts'

/** Kinds that tell, when they are back, of the times when they were away. */
const LEAVE: ReadonlySet<Kind> = new Set(['connector', 'client-device', 'edge'])

/** Kinds that need more than their fields. */
const TEXTS: Partial<Record<Kind, (one: ResourceRow) => string>> = {
  connector: connectorText,
  'client-device': deviceText,
  'provisioning-key': keyText,
  edge: describeEdgeText,
  // Its health follows, with all that is known of it.
  segment: ({ state: _, because: __, ...segment }) => awayText(segment),
}

/** Lines of a list that nobody gave a limit for. */
const SHOWN = 200

/** Of these there are without end, latest first: nobody wants all by chance. */
const RECORDS: ReadonlySet<Kind> = new Set(['session', 'denial', 'audit'])

const kindList = `KIND is one of ${KIND_NAMES.join(', ')}; plurals and short forms work too.`

export function addResources(program: Command): void {
  program
    .command('get')
    .description('List objects of a kind, or show one of them on a line')
    .argument('<kind>', 'what to list', parseKind)
    .argument('[name]', 'name or id')
    .option('--limit <n>', `maximum number to list; ${SHOWN} by default, all with --json`, parseCount)
    .addHelpText('after', `\n${kindList}`)
    .addHelpText(
      'after',
      examples(
        ['backstitch get connectors', 'state, group and version of each'],
        ['backstitch get sessions --limit 5', 'the latest five'],
        ['backstitch get segments --json', 'everything, for a program'],
      ),
    )
    .action(async (kind: Kind, name: string | undefined, options: { limit?: number }, command: Command) => {
      const rest = await restFor(command)
      if (name !== undefined) {
        const one = await rest.get<ResourceRow>(pathOf(kind, name))
        return globals(command).json ? printJson(one) : print(table(HEADS[kind], [cellsOf(kind, one)]))
      }
      const everything = globals(command).json && !RECORDS.has(kind)
      const limit = options.limit ?? (everything ? Number.POSITIVE_INFINITY : SHOWN)
      const printed = globals(command).json ? printListJson : printListTable
      const more = await printed(kind, rest.pages<ResourceRow>(`/${called(kind).plural}`, limit))
      // Whoever chose the limit knows.
      if (more && options.limit === undefined)
        say(`There are more: the first ${limit} are shown. Use --limit to see more.`)
    })

  program
    .command('describe')
    .description('Show everything about one object; for a session, how long each hop took')
    .argument('<kind>', 'kind of object', parseKind)
    .argument('<name>', 'name or id')
    .addHelpText('after', `\n${kindList}`)
    .addHelpText(
      'after',
      examples(
        ['backstitch describe session ses_01k8…', 'the path it took, with a bar per hop'],
        ['backstitch describe connector dc1-a', 'for one that is gone: what is known, and what to run there'],
        [
          'backstitch describe denial den_01k8…',
          'the id shown to a refused user: why, and what would allow it',
        ],
        ['backstitch describe segment wiki', 'its ports, and which connectors reach it'],
      ),
    )
    .action(async (kind: Kind, name: string, _options: object, command: Command) => {
      const rest = await restFor(command)
      const one = await (LEAVE.has(kind)
        ? withOutages(rest, pathOf(kind, name))
        : rest.get<ResourceRow>(pathOf(kind, name)))
      if (globals(command).json) return printJson(one)
      if (kind === 'denial') return print(denialText(one as unknown as DenialResource))
      if (kind === 'session') return print(sessionText(one as unknown as SessionResource))
      print((TEXTS[kind] ?? awayText)(one))
      if (kind === 'segment') {
        print(`\n${await chainText(rest, one)}`)
        print(`\n${await healthText(rest, one.id)}`)
      }
      for (const finding of await findingsAbout(rest, one.id)) print(`\n${findingText(finding)}`)
    })

  program
    .command('delete')
    .description('Delete an object that is not in use; revoke a key or token; remove a connector or device')
    .argument('<kind>', 'kind of object', parseKind)
    .argument('<name>', 'name or id')
    .option('--with-devices', "for a user: delete the user's devices first")
    .addHelpText('after', `\n${kindList}`)
    .addHelpText(
      'after',
      examples(
        ['backstitch delete user ada --with-devices', "the user, and the user's devices"],
        ['backstitch delete rule old-rule', 'refused, with the referring objects listed, if it is in use'],
        ['backstitch delete connector dc1-a', 'revokes its certificate and closes its connection'],
      ),
    )
    .action(async (kind: Kind, name: string, options: DeleteOptions, command: Command) => {
      if (options.withDevices && kind !== 'user') command.error('error: --with-devices is for a user')
      const rest = await restFor(command)
      const devices = options.withDevices ? await deleteWithDevices(rest, name) : []
      const gone = kind === 'connector' ? await rest.get<ResourceRow>(pathOf(kind, name)) : undefined
      const { body } = options.withDevices
        ? { body: undefined }
        : await rest.call(pathOf(kind, name), { method: 'DELETE', headers: { 'if-match': '*' } })
      const { stillOpen } = (body ?? {}) as { stillOpen?: StillOpen }
      if (globals(command).json)
        return printJson({ deleted: { kind, name }, stillOpen, ...(options.withDevices && { devices }) })
      for (const device of devices) say(`Deleted ${device}.`)
      say(`Deleted ${called(kind).title} ${name}.`)
      const open = stillOpenText(stillOpen ?? [])
      if (open !== '') say(`\n${open}`)
      // An answer to DELETE has no body to say it in.
      const left = gone === undefined ? [] : await findingsAbout(rest, gone.group)
      for (const finding of left) say(`\n${findingText(finding)}`)
    })
}

interface DeleteOptions {
  readonly withDevices?: boolean
}

/** `client device laptop (dev_…)`, as what uses an object is named. */
const DEVICE = /^client device .* \((dev_\w+)\)$/

/**
 * Deletes a user and the devices that hang on it; nothing at all where something else does, too.
 *
 * @returns The devices. @throws {Fault} IN_USE naming what else refers to the user.
 */
async function deleteWithDevices(rest: Rest, name: string): Promise<string[]> {
  const call = { method: 'DELETE', headers: { 'if-match': '*' } } as const
  const deleted: string[] = []
  for (;;) {
    const fault = await rest.call(pathOf('user', name), call).then(() => undefined, asFault)
    if (fault === undefined) return deleted
    const users = Array.isArray(fault.seen.users) ? (fault.seen.users as string[]) : []
    const ids = users.flatMap((user) => DEVICE.exec(user)?.[1] ?? [])
    if (fault.code !== 'IN_USE' || ids.length === 0 || ids.length < users.length) throw fault
    for (const id of ids) await rest.call(pathOf('client-device', id), call)
    deleted.push(...users)
  }
}

/** Refused with the nearest kind there is. */
function parseKind(word: string): Kind {
  const kind = findKind(word)
  if (kind !== undefined) return kind
  const near = nearest(
    word,
    KIND_NAMES.flatMap((name) => [name, called(name).plural]),
  )
  throw new InvalidArgumentError(
    near === undefined ? `Known kinds: ${KIND_NAMES.join(', ')}.` : `Did you mean ${near}?`,
  )
}

function pathOf(kind: Kind, name: string): string {
  return `/${called(kind).plural}/${encodeURIComponent(name)}`
}
