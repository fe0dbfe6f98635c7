import { randomBytes } from 'node:crypto'
import { HOME_EDGE } from '../../api/kinds.ts'
import { newId } from '../../base/ids.ts'
import { hashKeySecret } from '../../pki/provisioning-key.ts'
import type { Store } from '../../store/store.ts'
import type { HomeEdge } from './edges.ts'

const HTTPS_PORT = 443

interface HomeAddress {
  readonly host: string
  /** 0 while any is taken. */
  readonly port: number
}

/** The edge next to the control plane, whose object is made on the first run; and what it enrols with. */
export async function openHomeEdge(
  { objects }: Pick<Store, 'objects'>,
  { host, port }: HomeAddress,
): Promise<{ home: HomeEdge; homeSecret: string }> {
  let id = (await objects.find('edge', HOME_EDGE))?.id
  if (id === undefined) {
    id = newId('edg')
    const description = 'next to the control plane'
    const spec = { description, enabled: true, host, port: port || HTTPS_PORT, region: '', addresses: [] }
    await objects.put({ kind: 'edge', id, name: HOME_EDGE, spec })
  }
  const homeSecret = randomBytes(32).toString('base64url')
  return { home: { id, host, port: 0, secretHash: hashKeySecret(homeSecret) }, homeSecret }
}
