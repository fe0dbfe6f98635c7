/**
 * The real edge with a control plane that only knows the ticket key: `edge.ts TENANT-FILE`.
 *
 * Prints `ready`; each line on stdin collects garbage and is answered with `collected`.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Fault } from '../../src/base/faults.ts'
import { createLog } from '../../src/base/log.ts'
import { Edge } from '../../src/edge/edge.ts'
import { importSigningKey, verifyKeys } from '../../src/pki/signing-keys.ts'
import type { Tenant } from './tenant.ts'

const tenant = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Tenant
const { identity, rootPem } = tenant.edge
const keys = verifyKeys([importSigningKey(tenant.signingKey.kid, tenant.signingKey.pem).publicJwk])

const refuse = async (): Promise<never> => {
  throw new Fault('INVALID', 'this edge joins pipes only')
}

await using _edge = await Edge.open({
  listen: { host: '127.0.0.1', port: tenant.port },
  edgeId: identity.id,
  credentials: tenant.edge,
  control: {
    tenant: identity.tenant,
    rootPem,
    enrol: refuse,
    login: refuse,
    attach: () => {},
    http: (_request, response) => response.writeHead(404).end(),
    ticketKeys: () => keys,
    isRevoked: () => false,
    admitsEdge: () => false,
  },
  log: createLog('edge', { level: 'error' }),
})
process.stdout.write('ready\n')
for await (const _line of createInterface(process.stdin)) {
  globalThis.gc?.()
  process.stdout.write('collected\n')
}
