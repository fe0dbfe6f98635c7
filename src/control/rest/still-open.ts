import type { StillOpen } from '../../api/sign-ins.ts'
import type { Repositories } from '../../store/store.ts'

/**
 * What whoever took a device, or knows the password of its user, can do still. A device that is shut out says nothing
 * of its user: the next sign-in makes another one.
 */
export async function stillOpenOf(
  tx: Pick<Repositories, 'objects' | 'passwords' | 'signIns'>,
  userId: string,
): Promise<StillOpen> {
  const user = await tx.objects.find('user', userId)
  if (user === undefined || user.spec.enabled === false) return []
  const { name } = user
  const open: StillOpen = []
  if ((await tx.passwords.get(userId)) !== undefined) {
    const what = `the password of ${name} still works on any device: if it may be known to others, set a new one`
    open.push({ what, run: `backstitch password ${name}` })
  }
  const others = (await tx.signIns.standing({ userId })).map((device) => device.name)
  if (others.length > 0) {
    const what = `${others.length} other ${others.length === 1 ? `device of ${name} is` : `devices of ${name} are`} signed in: ${others.join(', ')}`
    open.push({ what, run: `backstitch sign-out ${name}` })
  }
  return open
}
