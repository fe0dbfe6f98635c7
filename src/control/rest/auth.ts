import { timingSafeEqual } from 'node:crypto'
import { may, type Permission, ROLES, rolesWith, type TokenRole } from '../../api/roles.ts'
import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import type { Repositories, Store } from '../../store/store.ts'
import type { TokenRecord } from '../../store/tokens.ts'
import { Failures } from '../base/failures.ts'
import type { ApiCaller } from './deps.ts'
import { hashToken, isTokenText, newTokenText } from './token-text.ts'

/** The last use of a token is written this often at most: a read must not cost a write. */
const USED_EVERY_MS = 60_000

/** Turns the Authorization header into a caller. */
export class TokenAuth {
  readonly #store: Store
  readonly #clock: Clock
  readonly #failures: Failures
  readonly #usedMs = new Map<string, number>()

  constructor({ store, clock }: { store: Store; clock: Clock }) {
    this.#store = store
    this.#clock = clock
    this.#failures = new Failures({ clock, free: 20, everyMs: 1000 })
  }

  /**
   * The token is looked at first: a valid one is served, however many failed before.
   *
   * @param from Where the request comes from; failures are counted by it.
   * @throws {Fault} TOKEN_INVALID, RATE_LIMITED.
   */
  async callerOf(authorization: string | undefined, from: string): Promise<ApiCaller> {
    if (authorization === undefined) throw new Fault('TOKEN_INVALID', 'there is no Authorization header')
    const text = /^Bearer +(\S+)$/i.exec(authorization)?.[1]
    const record = text !== undefined && isTokenText(text) ? await this.#find(text) : undefined
    if (record === undefined) {
      this.#failures.failed(from)
      throw new Fault(
        'TOKEN_INVALID',
        text === undefined ? 'not of the form Bearer TOKEN' : 'unknown or revoked',
      )
    }
    const nowMs = this.#clock.nowMs()
    if (record.expiresMs !== undefined && record.expiresMs <= nowMs) {
      const ended = new Date(record.expiresMs).toISOString()
      throw new Fault('TOKEN_INVALID', `token ${record.name} expired at ${ended}`, { seen: { ended } })
    }
    if (nowMs - (this.#usedMs.get(record.id) ?? record.lastUsedMs ?? 0) > USED_EVERY_MS) {
      this.#usedMs.set(record.id, nowMs)
      await this.#store.tokens.used(record.id, nowMs)
    }
    return {
      tokenId: record.id,
      name: record.name,
      role: record.role as TokenRole,
      expiresMs: record.expiresMs,
    }
  }

  async #find(text: string): Promise<TokenRecord | undefined> {
    const hash = hashToken(text)
    const record = await this.#store.tokens.byHash(hash)
    // The index compared already, on a hash nobody can steer; the compare that counts takes constant time.
    if (record === undefined || !timingSafeEqual(Buffer.from(record.hash), Buffer.from(hash)))
      return undefined
    return (ROLES as readonly string[]).includes(record.role) ? record : undefined
  }
}

/**
 * @param what Is asked for, where it is not the whole operation.
 * @throws {Fault} FORBIDDEN naming the permission, and the roles that have it.
 */
export function demand({ name, role }: ApiCaller, permission: Permission, what = 'this'): void {
  if (may(role, permission)) return
  const roles = rolesWith(permission)
  const detail = `${what} requires ${permission}: roles ${roles.join(', ')}; the token ${name} has the role ${role}`
  throw new Fault('FORBIDDEN', detail, { seen: { role, permission, needs: roles } })
}

/**
 * Makes a token. The text is in the answer and nowhere else.
 *
 * @param tx Of the transaction that also writes the audit record.
 * @throws {Fault} CONFLICT if the name is taken.
 */
export async function createToken(
  tx: Repositories,
  o: { name: string; role: TokenRole; expiresMs?: number },
): Promise<{ text: string; record: TokenRecord }> {
  const text = newTokenText()
  const record = await tx.tokens.create({ ...o, hash: hashToken(text) })
  return { text, record }
}

/** The first token of a new installation: for whoever started it. @returns Nothing once there is any token. */
export async function createFirstToken(store: Store): Promise<string | undefined> {
  return store.transaction(async (tx) => {
    const { items } = await tx.tokens.list({ limit: 1 })
    if (items.length > 0) return undefined
    const { text, record } = await createToken(tx, { name: 'first', role: 'owner' })
    await tx.audit.append({
      actor: 'system',
      action: 'token.create',
      object: `token ${record.id}`,
      detail: { name: 'first', role: 'owner' },
    })
    return text
  })
}
