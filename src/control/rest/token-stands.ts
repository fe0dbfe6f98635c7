import { type Permission, ROLES } from '../../api/roles.ts'
import { rfc3339 } from '../../base/clock.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type { Repositories } from '../../store/store.ts'
import { demand } from './auth.ts'
import type { ApiCaller, RestDeps } from './deps.ts'

/** The bus is only a hint, and an end by the clock or another role has none. */
const LOOK_MS = 500

type Stood = { readonly caller: ApiCaller; readonly needs: Permission }

/** @returns Why the token may not any more what it was let in for. */
async function whyFallen(
  { tokens }: Pick<Repositories, 'tokens'>,
  { caller, needs }: Stood,
  nowMs: number,
): Promise<Fault | undefined> {
  const record = await tokens.byId(caller.tokenId)
  const role = ROLES.find((one) => one === record?.role)
  if (record === undefined || role === undefined)
    return new Fault('TOKEN_INVALID', `token ${caller.name} was revoked`)
  const { expiresMs } = record
  if (expiresMs !== undefined && expiresMs <= nowMs)
    return new Fault('TOKEN_INVALID', `token ${caller.name} expired at ${rfc3339(expiresMs)}`)
  return refusalOf(() => demand({ ...caller, role }, needs))
}

/**
 * Asked in the transaction of a write. A token is looked at before the body is read, which may take a minute, and work
 * waits for its turn: whoever holds back the last byte would else write with a token that was revoked meanwhile.
 *
 * @throws {Fault} TOKEN_INVALID, FORBIDDEN.
 */
export async function demandStanding(
  tx: Pick<Repositories, 'tokens'>,
  stood: Stood,
  clock: Pick<RestDeps['clock'], 'nowMs'>,
): Promise<void> {
  const fallen = await whyFallen(tx, stood, clock.nowMs())
  if (fallen !== undefined) throw fallen
}

/**
 * An answer that goes on for as long as somebody reads it, and no longer than the token it was given to may read it. The
 * last line then says why.
 *
 * @param stood Whose token, and what the operation needed when it began.
 */
export function whileTokenStands(
  { store, clock }: Pick<RestDeps, 'store' | 'clock'>,
  stood: Stood,
  lines: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  const reader = lines.getReader()
  let ended: Fault | undefined
  let wake: ((fault: Fault) => void) | undefined
  const look = async () => {
    ended ??= await whyFallen(store, stood, clock.nowMs())
    if (ended !== undefined) wake?.(ended)
  }
  // A store that cannot be read ends what reads it by itself.
  const ask = () => void look().catch(() => {})
  const timer = setInterval(ask, LOOK_MS).unref()
  const hint = store.bus.subscribe('token', ({ id }) => {
    if (id === stood.caller.tokenId) ask()
  })
  const stop = () => {
    clearInterval(timer)
    hint[Symbol.dispose]()
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next =
            ended ??
            (await new Promise<Fault | Awaited<ReturnType<typeof reader.read>>>((resolve, reject) => {
              wake = resolve
              reader.read().then(resolve, reject)
            }))
          if (next instanceof Fault) {
            stop()
            void reader.cancel(next).catch(() => {})
            controller.enqueue(Buffer.from(`${JSON.stringify({ failed: faultToMessage(next) })}\n`))
            controller.close()
          } else if (next.done) {
            stop()
            controller.close()
          } else controller.enqueue(next.value)
        } catch (error) {
          stop()
          throw error
        }
      },
      cancel(reason) {
        stop()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

function refusalOf(check: () => void): Fault | undefined {
  try {
    check()
    return undefined
  } catch (thrown) {
    return asFault(thrown)
  }
}
