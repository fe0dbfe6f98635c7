/**
 * Our own path: the installation that tests use too, with access to the services of the application and with the
 * log levels and profiles of a bench.
 *
 * @module
 */

import { Installation } from '../test/installation.ts'
import type { Services } from './application.ts'
import type { Address, Child } from './children.ts'
import { lookable } from './looks.ts'
import type { Site } from './path.ts'
import { freePort } from './ports.ts'

/** Resolves when the server listens and the access to the application is declared. */
export function install({
  dir,
  application: { at: application },
  profileDir,
  looksDir,
}: Site): Promise<Installation> {
  const { host } = Object.values(application)[0]!
  const tcp = Object.values(application).map(({ port }) => `${port}`)
  const profiled = {
    ...(profileDir && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` }),
    ...(looksDir && lookable(looksDir)),
  }
  // All peers run at the level of warnings; the connector tells its bring-up, which is measured.
  const quiet = { BACKSTITCH_LOG_LEVEL: 'warn', ...profiled }
  const env = { server: quiet, connector: profiled, client: quiet }
  return Installation.start({ dir, reach: { cidrs: [`${host}/32`], tcp }, env })
}

/** Signs in and runs a client whose forwards lead to the application. */
export async function enter(
  installation: Installation,
  application: Services,
): Promise<{ client: Child; to: Services }> {
  const to: Record<string, Address> = {}
  const forwards: string[] = []
  for (const [service, { host, port }] of Object.entries(application)) {
    to[service] = { host: '127.0.0.1', port: await freePort() }
    forwards.push(`127.0.0.1:${to[service].port} ${host}:${port}`)
  }
  await installation.signIn({ listen: 'off', forwards })
  const client = await installation.startClient()
  return { client, to: to as unknown as Services }
}
