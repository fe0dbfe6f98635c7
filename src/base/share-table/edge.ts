import type { ShareRow } from './row.ts'

export const EDGE_SHARES = {
  waiting: {
    resource: 'pipes waiting for a half',
    code: 'RATE_LIMITED',
    hop: 'edge',
    of: 8192,
    shares: [{ by: 'device', weight: 1, most: 128 }],
    test: 'test/edge/shares.test.ts: one device has so many pipes waiting: its next half is refused, that of another is not',
  },
  pipes: {
    resource: 'pipes of an edge',
    code: 'RATE_LIMITED',
    hop: 'edge',
    of: 32_768,
    shares: [{ by: 'device', weight: 1, most: 512 }],
    test: 'test/edge/shares.test.ts: one device has so many pipes, and the next is for another',
  },
  halves: {
    resource: 'halves and trials brought to an edge',
    code: 'RATE_LIMITED',
    hop: 'edge',
    rates: [{ by: 'device', burst: 512, perSecond: 20 }],
    test: 'test/edge/shares.test.ts: a device that comes again and again is sent away before its ticket is read',
  },
  connections: {
    resource: 'connections of an edge, and of the control plane',
    by: 'address',
    limit: '8192, and never more than four times what is free of 65 536, or of its descriptors',
    code: 'EDGE_BUSY',
    hop: 'edge',
    test: 'link/accept/admission.test.ts: one address takes four parts of five at most: the rest is for others',
  },
  relayed: {
    resource: 'connections that a remote edge passes on to the control plane',
    by: 'edge',
    limit: 'a quarter of the capacity; three quarters for all edges together',
    code: 'EDGE_BUSY',
    hop: 'edge',
    test: 'link/accept/admission.test.ts: an edge takes a quarter of the room, all edges three, all direct connections three',
  },
  handshakes: {
    resource: 'incomplete handshakes',
    by: 'address',
    limit: '512',
    code: 'EDGE_BUSY',
    hop: 'edge',
    test: 'test/misuse-flood.test.ts: 2 000 handshakes that stall, of every kind, keep nobody out who comes from elsewhere',
  },
  descriptors: {
    resource: 'descriptors of an edge',
    by: 'address',
    limit: 'all but 64, which are reserved for the edge itself',
    code: 'FD_EXHAUSTED',
    hop: 'edge',
    test: 'test/edge/edge.test.ts: an edge that is short of descriptors turns newcomers away, says so, and still passes on whom it has',
  },
} as const satisfies Record<string, ShareRow>
