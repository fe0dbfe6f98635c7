import { timingSafeEqual } from 'node:crypto'
import { may, type Permission, ROLES, type Role, rolesWith } from '../../api/roles.ts'
import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import type { Repositories, Store } from '../../store/store.ts'
import type { TokenRecord } from '../../store/tokens.ts'
import { Attempts, placeOf } from '../attempts.ts'
import type { Caller } from './deps.ts'
import { hashToken, isTokenText, newTokenText } from './token-text.ts'

/** The last use of a token is written this often at most: a read must not cost a write. */
const USED_EVERY_MS = 60_000

/** Turns the Authorization header into a caller. */
export class TokenAuth {
  readonly #store: Store
  readonly #clock: Clock
  readonly #attempts: Attempts
  readonly #usedMs = new Map<string, number>()

  constructor({ store, clock }: { store: Store; clock: Clock }) {
    this.#store = store
    this.#clock = clock
    this.#attempts = new Attempts({ clock, free: 20, maxWaitMs: 60_000 })
  }

  /**
   * @param from Address of the request; failures are counted by it.
   * @throws {Fault} TOKEN_INVALID, RATE_LIMITED.
   */
  async callerOf(authorization: string | undefined, from: string): Promise<Caller> {
    const place = placeOf(from)
    this.#attempts.check(place)
    if (authorization === undefined) throw new Fault('TOKEN_INVALID', 'there is no Authorization header')
    const text = /^Bearer +(\S+)$/i.exec(authorization)?.[1]
    const record = text !== undefined && isTokenText(text) ? await this.#find(text) : undefined
    if (record === undefined) {
      this.#attempts.failed(place)
      throw new Fault(
        'TOKEN_INVALID',
        text === undefined ? 'not of the form Bearer TOKEN' : 'unknown or revoked',
      )
    }
    const nowMs = this.#clock.nowMs()
    if (record.expiresMs !== undefined && record.expiresMs <= nowMs) {
      const ended = new Date(record.expiresMs).toISOString()
      throw new Fault('TOKEN_INVALID', `token ${record.name} ended at ${ended}`, { seen: { ended } })
    }
    this.#attempts.succeeded(place)
    if (nowMs - (this.#usedMs.get(record.id) ?? record.lastUsedMs ?? 0) > USED_EVERY_MS) {
      this.#usedMs.set(record.id, nowMs)
      await this.#store.tokens.used(record.id, nowMs)
    }
    return { tokenId: record.id, name: record.name, role: record.role as Role, expiresMs: record.expiresMs }
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

/** @throws {Fault} FORBIDDEN naming the roles that may. */
export function demand(caller: Caller, permission: Permission): void {
  if (may(caller.role, permission)) return
  const roles = rolesWith(permission)
  throw new Fault(
    'FORBIDDEN',
    `this needs the role ${roles.join(' or ')}; the token ${caller.name} is ${caller.role}`,
    {
      seen: { role: caller.role, needs: roles },
    },
  )
}

/**
 * Makes a token. The text is in the answer and nowhere else.
 *
 * @param tx Of the transaction that also writes the audit record.
 * @throws {Fault} CONFLICT if the name is taken.
 */
export async function createToken(
  tx: Repositories,
  o: { name: string; role: Role; expiresMs?: number },
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
