/**
 * Everyone that can take part, and what this machine lacks for some of them.
 *
 * @module
 */

import type { Peer } from './path.ts'
import { backstitch } from './peers/backstitch.ts'
import { bore } from './peers/bore.ts'
import { chisel } from './peers/chisel.ts'
import { direct } from './peers/direct.ts'
import { frp } from './peers/frp.ts'
import { haproxy } from './peers/haproxy.ts'
import { nebula, nebulaJumbo } from './peers/nebula.ts'
import { nginx } from './peers/nginx.ts'
import { openZiti } from './peers/openziti.ts'
import { rathole } from './peers/rathole.ts'
import { ssh } from './peers/ssh.ts'
import { stunnel } from './peers/stunnel.ts'
import { isHere } from './programs.ts'

export const PEERS: readonly Peer[] = [
  backstitch,
  direct,
  haproxy,
  ssh,
  rathole,
  bore,
  frp,
  chisel,
  openZiti,
  stunnel,
  nginx,
  nebula,
  nebulaJumbo,
]

/** Ours, which is what is measured, and what there is without anything between. */
export const ALWAYS: readonly Peer[] = [backstitch, direct]

export interface Skip {
  readonly name: string
  readonly reason: string
}

/**
 * Splits what was asked for, beside those that are always there, into what can run here and what cannot, with the
 * reason. Who was asked for by name must be able to run.
 *
 * @throws {Error} naming every peer that is not known, or asked for and not here.
 */
export function availablePeers(
  names: readonly string[],
  isolation: { namespace: boolean; root: boolean },
): { peers: Peer[]; skipped: Skip[] } {
  const unknown = names.filter((name) => !PEERS.some((peer) => peer.name === name))
  if (unknown.length > 0)
    throw new Error(
      `Cannot bench against ${unknown.join(', ')}: known peers are ${PEERS.map((p) => p.name).join(', ')}`,
    )
  const peers: Peer[] = []
  const skipped: Skip[] = []
  for (const peer of PEERS) {
    if (names.length > 0 && !names.includes(peer.name) && !ALWAYS.includes(peer)) continue
    const reason = lacking(peer, isolation)
    if (reason) skipped.push({ name: peer.name, reason })
    else peers.push(peer)
  }
  if (names.length > 0 && skipped.length > 0)
    throw new Error(skipped.map(({ name, reason }) => `Cannot bench against ${name}: ${reason}`).join('\n'))
  return { peers, skipped }
}

function lacking(peer: Peer, { namespace, root }: { namespace: boolean; root: boolean }): string | undefined {
  const missing = peer.commands.filter((command) => !isHere(command))
  if (missing.length > 0) {
    const how =
      peer.packages.length > 0
        ? `Debian: apt-get install ${peer.packages.join(' ')}`
        : 'bench/README.md says how it is built'
    return `${missing.join(', ')} not here; ${how}`
  }
  if (peer.needsRoot && !root) return 'needs root: its daemon changes accounts'
  return peer.needsNamespace && !namespace ? 'needs network namespaces of its own' : undefined
}
