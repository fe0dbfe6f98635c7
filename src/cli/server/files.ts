import path from 'node:path'

/** Where a server keeps what its two parts share. */
export function filesOf(stateDir: string) {
  const edge = path.join(stateDir, 'edge')
  return {
    /** Where the control plane takes what the edge passes on. */
    controlSocket: path.join(stateDir, 'control.sock'),
    /** Where commands on this machine reach the API whatever goes on at the network. */
    adminSocket: path.join(stateDir, 'admin.sock'),
    /** State of the edge: its identity and its status socket. */
    edge,
    edgeStatus: path.join(edge, 'status.sock'),
    /** What the edge enrols with, made anew at each start of the control plane. */
    edgeKey: path.join(edge, 'provision_key'),
    context: path.join(stateDir, 'context.json'),
  }
}
