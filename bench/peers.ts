/**
 * Everyone that can take part, and what this machine lacks for some of them.
 *
 * @module
 */

import { accessSync, constants, existsSync } from 'node:fs'
import path from 'node:path'
import type { Peer } from './path.ts'
import { backstitch } from './peers/backstitch.ts'
import { direct } from './peers/direct.ts'
import { haproxy } from './peers/haproxy.ts'
import { nebula, nebulaJumbo } from './peers/nebula.ts'
import { nginx } from './peers/nginx.ts'
import { ssh } from './peers/ssh.ts'
import { stunnel } from './peers/stunnel.ts'

export const PEERS: readonly Peer[] = [backstitch, direct, haproxy, stunnel, ssh, nginx, nebula, nebulaJumbo]

/** Ours, which is what is measured, and what there is without anything between. */
const ALWAYS: readonly Peer[] = [backstitch, direct]

export interface Skip {
  readonly name: string
  readonly reason: string
}

/** Splits what was asked for, beside those that are always there, into what can run here and what cannot, with the reason. */
export function availablePeers(
  names: readonly string[],
  isolation: { namespace: boolean; root: boolean },
): { peers: Peer[]; skipped: Skip[] } {
  const unknown = names.find((name) => !PEERS.some((peer) => peer.name === name))
  if (unknown)
    throw new Error(`Cannot bench against ${unknown}: known peers are ${PEERS.map((p) => p.name).join(', ')}`)
  const peers: Peer[] = []
  const skipped: Skip[] = []
  for (const peer of PEERS) {
    if (names.length > 0 && !names.includes(peer.name) && !ALWAYS.includes(peer)) continue
    const reason = lacking(peer, isolation)
    if (reason) skipped.push({ name: peer.name, reason })
    else peers.push(peer)
  }
  return { peers, skipped }
}

function lacking(peer: Peer, { namespace, root }: { namespace: boolean; root: boolean }): string | undefined {
  const missing = peer.commands.filter((command) => !isHere(command))
  if (missing.length > 0)
    return `${missing.join(', ')} not here; Debian: apt-get install ${peer.packages.join(' ')}`
  if (peer.needsRoot && !root) return 'needs root: its daemon changes accounts'
  return peer.needsNamespace && !namespace ? 'needs network namespaces of its own' : undefined
}

/** The folders of administrative programs are searched even when the user's PATH leaves them out. */
export const SEARCH_PATH = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']

export function isHere(command: string): boolean {
  if (command.startsWith('/')) return existsSync(command)
  return SEARCH_PATH.some((folder) => {
    try {
      accessSync(path.join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
