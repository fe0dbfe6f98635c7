import { setImmediate } from 'node:timers/promises'
import type { ApplyReply, PlanStep } from '../../api/apply.ts'
import { checkDocuments, type Declared } from '../../api/documents.ts'
import { InvalidFault } from '../../api/invalid.ts'
import { OBJECT_KIND_NAMES, type ObjectKind, type ObjectSpecs } from '../../api/kinds.ts'
import type { LintFinding } from '../../api/lint.ts'
import { Fault } from '../../base/faults.ts'
import type { AuditEntry } from '../../store/audit.ts'
import type { Repositories, Store } from '../../store/store.ts'
import { declare, retract } from '../declare.ts'
import { checkPassword, hashPassword } from '../password.ts'
import { type Present, plan, type Step } from './plan.ts'

/** Documents that were checked, with the hash of each password that is not the one that is set. */
export interface Prepared {
  readonly declared: readonly Declared[]
  /** By number of the document. */
  readonly passwords: ReadonlyMap<number, string>
}

/**
 * Checks documents and hashes passwords: all that takes time and needs no transaction.
 *
 * @throws {InvalidFault} with pointers below `/documents`.
 */
export async function prepare(
  store: Store,
  documents: readonly Record<string, unknown>[],
): Promise<Prepared> {
  const declared = atDocuments(() => checkDocuments(documents))
  const passwords = new Map<number, string>()
  for (const [index, { kind, name, password }] of declared.entries()) {
    if (password === undefined) continue
    const user = await store.objects.find(kind, name)
    const kept = user && (await store.passwords.get(user.id))
    if (kept !== undefined && (await checkPassword(password, kept))) continue
    passwords.set(index, await hashPassword(password))
  }
  return { declared, passwords }
}

export interface How {
  /** Delete what is not declared, of the kinds that are. */
  readonly prune: boolean
  /** What is doubtful about these objects, in the state that the transaction has brought about. */
  readonly warnings: (tx: Repositories, ids: readonly string[]) => Promise<LintFinding[]>
}

/** After this many steps the rest of the process has a turn: an edge may run in it. */
const STEPS_AT_ONCE = 32

/** Ends the transaction of a dry run, which did everything and keeps nothing. */
class DryRun extends Error {
  readonly reply: ApplyReply
  constructor(reply: ApplyReply) {
    super('dry run')
    this.reply = reply
  }
}

/** Does the plan in a transaction that is then undone: what would fail fails, and nothing changes. */
export async function rehearse(store: Store, prepared: Prepared, how: How): Promise<ApplyReply> {
  try {
    return await store.transaction(async (tx) => {
      throw new DryRun((await execute(tx, prepared, how)).reply)
    })
  } catch (thrown) {
    if (thrown instanceof DryRun)
      return { ...thrown.reply, applied: false, policyVersion: await store.policyVersion() }
    throw thrown
  }
}

/**
 * Makes the stored objects the declared ones, within the caller's transaction.
 *
 * @throws {Fault} INVALID with pointers below `/documents`, CONFLICT, IN_USE naming what refers to a pruned object.
 */
export async function execute(
  tx: Repositories,
  { declared, passwords }: Prepared,
  { prune, warnings }: How,
): Promise<{ reply: ApplyReply; audit: Omit<AuditEntry, 'actor'>[] }> {
  const steps = plan({
    declared,
    prune,
    present: await present(tx),
    otherNames: await otherNames(tx),
    newPasswords: new Set(passwords.keys()),
  })
  const audit: Omit<AuditEntry, 'actor'>[] = []
  const done: PlanStep[] = []
  for (const [index, step] of steps.entries()) {
    if (index % STEPS_AT_ONCE === STEPS_AT_ONCE - 1) await setImmediate()
    const id = await doStep(tx, step, declared, passwords, audit)
    const { action, kind, name, changes } = step
    done.push({ action, kind, name, id, changes: [...changes] })
  }
  const count = (action: Step['action']) => steps.filter((step) => step.action === action).length
  const summary = {
    create: count('create'),
    update: count('update'),
    delete: count('delete'),
    unchanged: count('unchanged'),
  }
  const changed = summary.create + summary.update + summary.delete > 0
  return {
    // The version is raised when the transaction ends.
    reply: {
      applied: true,
      steps: done,
      summary,
      warnings: await warnings(
        tx,
        done.flatMap(({ action, id }) => (action === 'delete' || id === undefined ? [] : id)),
      ),
      policyVersion: (await tx.policyVersion()) + (changed ? 1 : 0),
    },
    audit: changed ? [...audit, { action: 'config.apply', object: '', detail: { summary, prune } }] : [],
  }
}

async function doStep(
  tx: Repositories,
  step: Step,
  declared: readonly Declared[],
  passwords: ReadonlyMap<number, string>,
  audit: Omit<AuditEntry, 'actor'>[],
): Promise<string | undefined> {
  const { action, kind, name, id, document } = step
  if (action === 'unchanged') return id
  if (action === 'delete') {
    audit.push(await retract(tx, kind, id!))
    return id
  }
  const spec = declared[document!]!.spec as unknown as ObjectSpecs[ObjectKind]
  try {
    const done = await declare(tx, { kind, id, name, spec, passwordHash: passwords.get(document!) })
    audit.push(...done.audit)
    return done.stored.id
  } catch (fault) {
    throw atDocument(fault, document!)
  }
}

/** Pointers into one object become pointers into the request. */
function atDocument(fault: unknown, document: number): unknown {
  const at = `/documents/${document}`
  if (fault instanceof InvalidFault) {
    return new InvalidFault(fault.errors.map((one) => ({ ...one, pointer: at + one.pointer })))
  }
  if (!(fault instanceof Fault)) return fault
  return new Fault(fault.code, fault.detail, { cause: fault, seen: { ...fault.seen, pointer: at } })
}

function atDocuments<T>(work: () => T): T {
  try {
    return work()
  } catch (fault) {
    if (!(fault instanceof InvalidFault)) throw fault
    throw new InvalidFault(fault.errors.map((one) => ({ ...one, pointer: `/documents${one.pointer}` })))
  }
}

async function present(tx: Repositories): Promise<Present[]> {
  const found: Present[] = []
  for (const kind of OBJECT_KIND_NAMES) found.push(...(await tx.objects.all(kind)))
  return found
}

async function otherNames(tx: Repositories): Promise<Map<string, string>> {
  const devices = await tx.devices.all()
  const count = Map.groupBy(devices, (device) => device.name)
  // A name that two devices share means neither: their ids stay.
  const unique = devices.filter((device) => count.get(device.name)!.length === 1)
  const connectors = await tx.connectors.all()
  return new Map([...unique, ...connectors].map((one) => [one.id, one.name]))
}
