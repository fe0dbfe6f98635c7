import type { z } from 'zod'
import type { provisioningKey } from '../../api/keys.ts'
import { rfc3339 } from '../../base/clock.ts'
import { type KeyRecord, keyState } from '../../store/keys.ts'
import type { LivePresence } from './deps.ts'
import { envelope, namesFor, type PresentReader } from './present.ts'

type KeysNow = {
  readonly nowMs: number
  /** Where it is read: what is written has refused nobody yet. */
  readonly presence?: Pick<LivePresence, 'keyRefusal'>
}

export async function keyResource(
  tx: PresentReader,
  key: KeyRecord,
  now: KeysNow,
): Promise<z.infer<typeof provisioningKey>> {
  return (await keyResources(tx, [key], now))[0]!
}

export async function keyResources(
  tx: PresentReader,
  keys: readonly KeyRecord[],
  { nowMs, presence }: KeysNow,
): Promise<z.infer<typeof provisioningKey>[]> {
  const names = await namesFor(
    tx,
    keys.map(({ edgeId, groupId }) => edgeId ?? groupId),
  )
  return keys.map((key) => {
    const refused = presence?.keyRefusal(key.id)
    return {
      kind: 'provisioning-key',
      ...envelope(key),
      ...(key.edgeId === undefined
        ? { group: key.groupId, names: names([key.groupId]) }
        : { edge: key.edgeId, names: names([key.edgeId]) }),
      uses: key.uses,
      maxUses: key.maxUses,
      expiresAt: rfc3339(key.expiresMs),
      revoked: key.revoked,
      state: keyState(key, nowMs),
      refused: refused && {
        ...{ at: rfc3339(refused.atMs), address: refused.address, host: refused.host },
        ...{ times: refused.times, code: refused.fault.code, detail: refused.fault.detail },
      },
    }
  })
}
