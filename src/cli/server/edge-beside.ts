import path from 'node:path'
import type { EdgeDaemonOptions } from '../../edge/edge-options.ts'
import { EDGE_WORKER } from '../workers/entries.ts'
import { filesOf } from './files.ts'
import type { ServerOptions } from './options.ts'

/** What makes an edge the one beside a control plane. */
export function edgeBeside(o: ServerOptions): Omit<EdgeDaemonOptions, 'log'> {
  const { controlSocket, edge, edgeKey } = filesOf(o.stateDir)
  return {
    stateDir: edge,
    keyFile: edgeKey,
    listen: o.listen,
    controlPort: o.controlPort,
    balancers: [...(o.balancers ?? [])],
    workers: { setting: o.workers, entry: EDGE_WORKER },
    home: { host: o.publicHost, port: o.publicPort ?? o.listen.port, socket: controlSocket },
    // There is no network between the two, whatever is set for this machine.
    env: {},
    proxyFile: path.join(edge, 'proxy'),
    drainSeconds: 0,
  }
}
