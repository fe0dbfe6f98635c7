import type { ShareRow } from './row.ts'

const UNLIMITED = Number.POSITIVE_INFINITY

/** Kept of the descriptors of a process for itself: its control connection, its resolver, its status, its files. */
export const DESCRIPTOR_RESERVE = 128
/** Of the local ports: this part is for what else is on the machine, the resolver of the process first. */
export const PORT_RESERVE = 1 / 8

export const CONNECTOR_SHARES = {
  bringing: {
    resource: 'pipes under way at a connector',
    code: 'PAIR_TIMEOUT',
    hop: 'connector',
    of: 256,
    shares: [{ by: 'device', weight: 1 }],
    note: 'the others wait, the devices in turn, for up to 8 s',
    test: 'test/edge/shares.test.ts: one device that never comes takes half of the pipes under way of a connector: another one is brought at once',
  },
  tunnels: {
    resource: 'tunnels of a connector',
    code: 'PAIR_TIMEOUT',
    hop: 'connector',
    of: UNLIMITED,
    shares: [{ by: 'device', weight: 1, most: 128 }],
    note: 'their edge refuses earlier (`RATE_LIMITED`)',
    test: 'test/edge/shares.test.ts: one device has so many tunnels to a connector and no more: another one gets its own',
  },
  sessions: {
    resource: 'sessions of a connector',
    code: 'TOO_MANY_STREAMS',
    hop: 'connector',
    of: 65_536,
    shares: [
      { by: 'device', weight: 2, most: 16_384 },
      { by: 'user', weight: 4, most: 32_768 },
    ],
    note: 'or as many as the process has descriptors, minus 128; tunnels count as well',
    test: 'connector/tunnels/shares.test.ts: one device with all the sessions it can get leaves room for another, and for its own user',
  },
  dials: {
    resource: 'connections to applications under way',
    code: 'TOO_MANY_STREAMS',
    hop: 'connector',
    of: 8192,
    shares: [
      { by: 'device', weight: 1 },
      { by: 'user', weight: 2 },
    ],
    test: 'connector/tunnels/shares.test.ts: dials into the void of one device are bounded, and another one is connected',
  },
  udpPorts: {
    resource: 'local UDP ports of a connector',
    code: 'TOO_MANY_STREAMS',
    hop: 'connector',
    of: 16_384,
    shares: [
      { by: 'device', weight: 1 },
      { by: 'user', weight: 2 },
    ],
    note: "seven eighths of the machine's local ports; the rest is for the resolver and other programs",
    test: 'connector/tunnels/shares.test.ts: UDP flows of one device leave ports to another, and to the process itself',
  },
  lookups: {
    resource: 'DNS lookups in progress',
    code: 'LOOKUPS_BUSY',
    hop: 'connector',
    of: 24,
    shares: [{ by: 'user', weight: 1 }],
    note: 'as many as there are threads; the others wait, the users in turn',
    test: 'probe/system-names.test.ts: silent names of one user hold half of the threads at most, and the users take turns',
  },
  lookupsWaiting: {
    resource: 'DNS lookups waiting',
    code: 'LOOKUPS_BUSY',
    hop: 'connector',
    of: 1024,
    shares: [{ by: 'user', weight: 1 }],
    test: 'probe/system-names.test.ts: one user fills half of the queue: the next name is refused, the first of another is not',
  },
  memory: {
    resource: 'memory for windows and for data that applications do not read',
    by: 'device',
    limit:
      'per tunnel: as much as is free of 256 MiB, at most 64 MiB for windows and 128 MiB for unread data',
    code: 'none',
    hop: 'connector',
    note: 'the slow session of the tunnel that holds most is closed',
    test: 'mux/window.test.ts: budget: a tunnel that takes all it can get leaves some for the next',
  },
  records: {
    resource: 'session records waiting for control',
    by: 'device',
    limit: '32 MiB, shared evenly when full',
    code: 'none',
    hop: 'connector',
    note: 'those over an even share lose records first; losses are counted',
    test: 'agent/sessions/session-spool.test.ts: a device that makes records without end loses its own: those of others are kept',
  },
} as const satisfies Record<string, ShareRow>
