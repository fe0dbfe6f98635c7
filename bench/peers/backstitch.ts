/**
 * Ours: client → edge (with the control plane in its process) → connector, the real programs, forwards at the client.
 *
 * @module
 */

import { enter, install } from '../installation.ts'
import type { Path, Peer, Site } from '../path.ts'

export const backstitch: Peer = {
  name: 'backstitch',
  title: 'Backstitch',
  protection: 'end to end',
  commands: [],
  packages: [],
  lacks: '',
  start,
}

/** Stages of the connector's bring-up. */
export const IDENTITY = 4
export const HEALTHY = 6

async function start(site: Site): Promise<Path> {
  const installation = await install(site)
  try {
    const connector = installation.startConnector(await installation.addConnector())
    await installation.passed(connector, HEALTHY)
    const { client, to } = await enter(installation, site.application.at)
    return {
      to,
      processes: { client: [client.pid], edge: [installation.server.pid], connector: [connector.pid] },
      children: installation.children,
      [Symbol.asyncDispose]: () => installation[Symbol.asyncDispose](),
    }
  } catch (error) {
    await installation[Symbol.asyncDispose]()
    throw error
  }
}
