/**
 * The real edge with a control plane that only knows the ticket key: `edge.ts TENANT-FILE`.
 *
 * Prints `ready`; each line on stdin collects garbage and is answered with `collected`.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createLog } from '../../src/base/log.ts'
import { EDGE_SHARES } from '../../src/base/share-table/edge.ts'
import { Edge } from '../../src/edge/edge.ts'
import { EdgeShares } from '../../src/edge/shares.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { importSigningKey, verifyKeys } from '../../src/pki/signing-keys.ts'
import type { Tenant } from './tenant.ts'

const tenant = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Tenant
const { identity, rootPem } = tenant.edge
const keys = verifyKeys('ticket', [importSigningKey(tenant.signingKey.kid, tenant.signingKey.pem).publicJwk])

await using _edge = await Edge.open({
  listen: { host: '127.0.0.1', port: tenant.port },
  credentials: tenant.edge,
  authority: {
    tenant: identity.tenant,
    rootPem,
    ticketKeys: () => keys,
    isRevoked: () => false,
    revoked: () => [],
  },
  // Nobody comes for the control plane here.
  home: { home: { host: '127.0.0.1', port: 0 }, egress: DIRECT },
  log: createLog('edge', { level: 'error' }),
  // All pipes are of one device here.
  shares: new EdgeShares({
    waiting: { ...EDGE_SHARES.waiting, shares: [{ by: 'device', weight: 1000 }] },
    pipes: { ...EDGE_SHARES.pipes, of: 1_000_000, shares: [{ by: 'device', weight: 1000 }] },
    halves: { ...EDGE_SHARES.halves, rates: [{ by: 'device', burst: 1_000_000, perSecond: 1_000_000 }] },
  }),
})
process.stdout.write('ready\n')
for await (const _line of createInterface(process.stdin)) {
  globalThis.gc?.()
  process.stdout.write('collected\n')
}
