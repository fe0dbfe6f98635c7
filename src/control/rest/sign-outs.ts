import { signedOut } from '../../api/sign-ins.ts'
import type { SignedInDevice, Whose } from '../../store/sign-ins.ts'
import type { Repositories } from '../../store/store.ts'
import { type ApiCaller, actorOf, type RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { byId, operation } from './route.ts'
import { stillOpenOf } from './still-open.ts'
import { type WriteResult, write } from './write.ts'

const gives = { status: 200, schema: signedOut } as const

/** Signing out: whoever holds the device, or a copy of it, needs the password again. */
export function signOutRoutes(app: RestApp, deps: RestDeps): void {
  operation(
    app,
    {
      tag: 'users',
      path: '/api/v1/users/{id}/sign-out',
      params: byId,
      method: 'post',
      id: 'signOutUser',
      summary: 'Sign out every device of a user, and close their sessions',
      needs: 'operate',
      gives,
    },
    (c, { params }) =>
      write(c, deps, async (tx) => {
        const { id, name } = await tx.objects.get('user', params.id)
        const done = await signOut(tx, { userId: id }, c.get('caller'))
        return answer(tx, { userId: id, done, object: `user ${id}`, name })
      }),
  )

  operation(
    app,
    {
      tag: 'client-devices',
      path: '/api/v1/client-devices/{id}/sign-out',
      params: byId,
      method: 'post',
      id: 'signOutClientDevice',
      summary: 'Sign out one device, and close its sessions',
      needs: 'operate',
      gives,
    },
    (c, { params }) =>
      write(c, deps, async (tx) => {
        const { id, name, userId } = await tx.devices.get(params.id)
        const done = await signOut(tx, { deviceId: id }, c.get('caller'))
        return answer(tx, { userId, done, object: `client-device ${id}`, name })
      }),
  )
}

function signOut(tx: Repositories, whose: Whose, caller: ApiCaller): Promise<SignedInDevice[]> {
  return tx.signIns.end(whose, { by: actorOf(caller) })
}

async function answer(
  tx: Repositories,
  o: { userId: string; done: SignedInDevice[]; object: string; name: string },
): Promise<WriteResult> {
  const detail = { name: o.name, devices: o.done.map(({ id }) => id) }
  return {
    status: 200,
    body: { signedOut: o.done, stillOpen: await stillOpenOf(tx, o.userId) },
    audit: [{ action: `${o.object.split(' ')[0]}.sign-out`, object: o.object, detail }],
  }
}
