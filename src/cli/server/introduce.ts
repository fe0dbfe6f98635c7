import { existsSync } from 'node:fs'
import path from 'node:path'
import { hostPort } from '../../base/host-port.ts'
import { newId } from '../../base/ids.ts'
import { VERSION } from '../../base/version.ts'
import type { Control } from '../../control/control.ts'
import { createToken } from '../../control/rest/auth.ts'
import type { PublicPin } from '../../pki/public-pin.ts'
import { writeContext, writeToken, writeTokenServer } from '../context.ts'
import { filesOf } from './files.ts'
import type { ServerFacts } from './messages.ts'
import type { ServerOptions } from './options.ts'

/** Writes down, for people and tools on this machine, how the server is reached, and the token of the first run. */
export async function introduceServer(
  control: Control,
  { stateDir, listen }: ServerOptions,
  { port, pin }: { port: number; pin: PublicPin },
): Promise<ServerFacts> {
  const at = hostPort(control.edgeAddress)
  const { context, adminSocket } = filesOf(stateDir)
  const token = await adminToken(control, context)
  const tokenFile = 'admin.token'
  if (token !== undefined) await writeToken(path.join(stateDir, tokenFile), token)
  const server = `https://${at}`
  await writeTokenServer(path.join(stateDir, tokenFile), { server, ...pin })
  const where = { server, listen: hostPort({ host: listen.host, port }) }
  await writeContext(context, { ...where, socket: path.basename(adminSocket), ...pin, tokenFile })
  return {
    version: VERSION,
    edge: at,
    api: `https://${at}/api/v1`,
    fingerprint: pin.fingerprint,
    pin: control.pin.toString('hex'),
    context,
    ...(token === undefined ? {} : { token }),
  }
}

/**
 * The token of the first run. A first run that ended before it could listen has made one that nobody saw: without
 * a context file beside it, another takes its place.
 */
async function adminToken(control: Control, contextFile: string): Promise<string | undefined> {
  if (control.firstToken !== undefined || existsSync(contextFile)) return control.firstToken
  return control.store.transaction(async (tx) => {
    const name = newId('tok').slice(-8)
    const { text, record } = await createToken(tx, { name: `first-${name}`, role: 'owner' })
    const detail = {
      name: record.name,
      role: 'owner',
      because: 'the first start ended before the server was listening',
    }
    await tx.audit.append({ actor: 'system', action: 'token.create', object: `token ${record.id}`, detail })
    return text
  })
}
