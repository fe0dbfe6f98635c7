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

/**
 * Resolves when the server listens and the access to the application is declared.
 *
 * @param more Environment of each role, on top.
 */
export function install(
  { dir, application: { at: application }, profileDir, looksDir }: Site,
  more: Partial<Record<'server' | 'connector' | 'client', NodeJS.ProcessEnv>> = {},
): Promise<Installation> {
  const { host } = Object.values(application)[0]!
  const tcp = Object.values(application).map(({ port }) => `${port}`)
  const profiled = {
    ...(profileDir && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` }),
    ...(looksDir && lookable(looksDir)),
  }
  // All peers run at the level of warnings; the connector tells its bring-up, which is measured.
  const quiet = { BACKSTITCH_LOG_LEVEL: 'warn', ...profiled }
  const env = {
    server: { ...quiet, ...more.server },
    connector: { ...profiled, ...more.connector },
    client: { ...quiet, ...more.client },
  }
  return Installation.start({ dir, reach: { cidrs: [`${host}/32`], tcp }, env })
}

/** Forwards of a client that lead to the application, and where they stand. */
export async function forwardsTo(application: Services): Promise<{ to: Services; forwards: string[] }> {
  const to: Record<string, Address> = {}
  const forwards: string[] = []
  for (const [service, { host, port }] of Object.entries(application)) {
    to[service] = { host: '127.0.0.1', port: await freePort() }
    forwards.push(`127.0.0.1:${to[service].port} ${host}:${port}`)
  }
  return { to: to as unknown as Services, forwards }
}

/** Signs in and runs a client whose forwards lead to the application. */
export async function enter(
  installation: Installation,
  application: Services,
): Promise<{ client: Child; to: Services }> {
  const { to, forwards } = await forwardsTo(application)
  await installation.signIn({ listen: 'off', forwards })
  return { client: await installation.startClient(), to }
}
