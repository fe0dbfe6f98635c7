import type { PlanStep } from '../../api/apply.ts'
import { InvalidFault } from '../../api/invalid.ts'
import type { ObjectKind, ObjectSpecs } from '../../api/kinds.ts'
import { Fault } from '../../base/faults.ts'
import { nextTurn, turnIsOver } from '../../base/slices.ts'
import type { ResolvedObject } from '../../store/objects.ts'
import type { SignedInDevice } from '../../store/sign-ins.ts'
import type { Repositories } from '../../store/store.ts'
import { declare, retract } from '../base/declare.ts'
import type { ApplyStep } from './plan.ts'
import type { ApplyPlan, PlannedAudit } from './planned.ts'
import type { Prepared } from './prepare.ts'

/** Does the steps of a plan in their order: what needs only to be written many at a time, the others one by one. */
export class ApplySteps {
  readonly #tx: Repositories
  readonly #prepared: Prepared
  readonly #planned: ApplyPlan
  readonly #by: string | undefined
  readonly #done: PlanStep[] = []
  readonly #audit: PlannedAudit[] = []
  #writes: ResolvedObject[] = []
  #deletes: ApplyStep[] = []

  constructor(tx: Repositories, prepared: Prepared, planned: ApplyPlan, by?: string) {
    this.#tx = tx
    this.#prepared = prepared
    this.#planned = planned
    this.#by = by
  }

  async all(): Promise<{ done: PlanStep[]; audit: PlannedAudit[] }> {
    for (const step of this.#planned.steps) {
      if (turnIsOver()) await nextTurn()
      const { id, signedOut } = await this.#step(step)
      const { action, kind, name, changes } = step
      this.#done.push({
        action,
        kind,
        name,
        id,
        changes: [...changes],
        signedOut: signedOut && [...signedOut],
      })
    }
    await this.#flush()
    return { done: this.#done, audit: this.#audit }
  }

  async #step(step: ApplyStep): Promise<{ id?: string; signedOut?: readonly SignedInDevice[] }> {
    const { action, kind, id } = step
    const audit = this.#planned.audit.get(step)
    if (action === 'unchanged') return { id }
    if (action === 'delete') {
      if (kind !== this.#deletes[0]?.kind) await this.#flush()
      this.#deletes.push(step)
      return { id }
    }
    const simple = this.#planned.simple.get(step)
    if (simple === undefined || audit === undefined) return this.#alone(step)
    this.#writes.push(simple)
    this.#audit.push(audit)
    return { id: simple.id }
  }

  /** What it refers to is written before. */
  async #alone({
    kind,
    id,
    name,
    document,
  }: ApplyStep): Promise<{ id: string; signedOut?: readonly SignedInDevice[] }> {
    await this.#flush()
    const { declared, passwords } = this.#prepared
    const spec = declared[document!]!.spec as unknown as ObjectSpecs[ObjectKind]
    const passwordHash = passwords.get(document!)
    try {
      const done = await declare(this.#tx, { kind, id, name, spec, by: this.#by, passwordHash })
      this.#audit.push(...done.audit)
      return { id: done.stored.id, signedOut: done.signedOut }
    } catch (fault) {
      throw atDocument(fault, document!)
    }
  }

  async #flush(): Promise<void> {
    const [writes, deletes] = [this.#writes, this.#deletes]
    this.#writes = []
    this.#deletes = []
    if (writes.length > 0) await this.#tx.objects.writeAll(writes)
    const [first] = deletes
    if (first === undefined) return
    const ids = deletes.map(({ id }) => id!)
    const isEdge = first.kind === 'edge'
    if (!isEdge && (await this.#tx.objects.deleteAll(first.kind, ids)).size === 0) {
      for (const step of deletes) this.#audit.push(this.#planned.audit.get(step)!)
      return
    }
    // One by one: the first that cannot go says what refers to it.
    for (const { kind, id } of deletes) this.#audit.push(await retract(this.#tx, kind, id!))
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
