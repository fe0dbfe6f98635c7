/**
 * Who may hold how much of what: each limit that keeps one device, user, token, connector or address from taking what
 * others need. The code takes its numbers from here; docs/operations.md is written from here, and each row names the
 * test that shows one being refused while another is served (test/shares-page.test.ts).
 *
 * @module
 */
import type { FaultCode, Hop } from './faults.ts'
import type { PoolRow, Principal, RateRow } from './shares.ts'

/** What is bounded in another way than by a pool or a rate. */
interface OwnRow {
  readonly resource: string
  readonly by: Principal
  readonly limit: string
  readonly code: FaultCode | 'none'
  readonly hop: Hop
}

interface ToldLimit {
  /** What somebody who meets the limit sees, where the code alone does not say it. */
  readonly note?: string
  /** `file: name of the test`. */
  readonly test: string
}

export type ShareRow = (PoolRow | RateRow | OwnRow) & ToldLimit

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
    note: 'the others wait, the devices in turn, for 8 s at most',
    test: 'test/edge/shares.test.ts: one device that never comes takes half of the pipes under way of a connector: another one is brought at once',
  },
  tunnels: {
    resource: 'tunnels of a connector',
    code: 'PAIR_TIMEOUT',
    hop: 'connector',
    of: UNLIMITED,
    shares: [{ by: 'device', weight: 1, most: 128 }],
    note: 'their edge refuses more before (`RATE_LIMITED`)',
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
    note: 'or as many as the process has descriptors, less 128; tunnels count as well',
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
    note: 'seven eighths of the local ports that the machine has; the rest is for the resolver and for other programs',
    test: 'connector/tunnels/shares.test.ts: UDP flows of one device leave ports to another, and to the process itself',
  },
  lookups: {
    resource: 'names being looked up',
    code: 'LOOKUPS_BUSY',
    hop: 'connector',
    of: 24,
    shares: [{ by: 'user', weight: 1 }],
    note: 'as many as there are threads; the others wait, the users in turn',
    test: 'probe/system-names.test.ts: silent names of one user hold half of the threads at most, and the users take turns',
  },
  lookupsWaiting: {
    resource: 'names that wait to be looked up',
    code: 'LOOKUPS_BUSY',
    hop: 'connector',
    of: 1024,
    shares: [{ by: 'user', weight: 1 }],
    test: 'probe/system-names.test.ts: one user fills half of the queue: the next name is refused, the first of another is not',
  },
  memory: {
    resource: 'memory of windows, and of data that applications do not read',
    by: 'device',
    limit: 'a tunnel: as much as is free of 256 MiB, and 64 and 128 MiB at most',
    code: 'none',
    hop: 'connector',
    note: 'the slow session of the tunnel that holds most is ended',
    test: 'mux/window.test.ts: budget: a tunnel that takes all it can get leaves some for the next',
  },
  records: {
    resource: 'session records that wait for control',
    by: 'device',
    limit: '32 MiB, shared evenly when they are full',
    code: 'none',
    hop: 'connector',
    note: 'whoever has more than an even share loses records first, counted',
    test: 'agent/sessions/session-spool.test.ts: a device that makes records without end loses its own: those of others are kept',
  },
} as const satisfies Record<string, ShareRow>

export const EDGE_SHARES = {
  waiting: {
    resource: 'pipes that wait for a half',
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
    limit: 'a quarter of the room; three quarters for all edges together',
    code: 'EDGE_BUSY',
    hop: 'edge',
    test: 'link/accept/admission.test.ts: an edge takes a quarter of the room, all edges three, all who come directly three',
  },
  handshakes: {
    resource: 'handshakes that are not finished',
    by: 'address',
    limit: '512',
    code: 'EDGE_BUSY',
    hop: 'edge',
    test: 'test/misuse-flood.test.ts: 2 000 handshakes that stall, of every kind, keep nobody out who comes from elsewhere',
  },
  descriptors: {
    resource: 'descriptors of an edge',
    by: 'address',
    limit: 'all but 64, which are for the edge itself',
    code: 'FD_EXHAUSTED',
    hop: 'edge',
    test: 'test/edge/edge.test.ts: an edge that is short of descriptors turns newcomers away, says so, and still passes on whom it has',
  },
} as const satisfies Record<string, ShareRow>

export const CONTROL_SHARES = {
  connects: {
    resource: 'control connections begun',
    code: 'RATE_LIMITED',
    hop: 'control',
    rates: [
      { by: 'agent', burst: 60, perSecond: 1 },
      { by: 'user', burst: 600, perSecond: 5 },
    ],
    note: 'before its welcome is made; agents wait as long as they are told',
    test: 'test/misuse-shares.test.ts: a device that connects in a loop is told to wait, and another is let in',
  },
  welcomes: {
    resource: 'welcomes being made',
    by: 'user',
    limit: 'two at once, the users in turn',
    code: 'RATE_LIMITED',
    hop: 'control',
    test: 'control/agents/hub.test.ts: whoever connects with many devices at once waits for its own welcomes: that of another comes between',
  },
  connections: {
    resource: 'control connections',
    code: 'EDGE_BUSY',
    hop: 'control',
    of: 65_536,
    shares: [
      { by: 'device', weight: 1, most: 32 },
      { by: 'user', weight: 1, most: 8192 },
    ],
    test: 'test/misuse-control.test.ts: a device has only so many control connections, and the next one is told',
  },
  questions: {
    resource: 'questions for access',
    code: 'RATE_LIMITED',
    hop: 'control',
    rates: [
      { by: 'device', burst: 1024, perSecond: 20 },
      { by: 'user', burst: 4096, perSecond: 100 },
    ],
    note: 'clients ask again by themselves',
    test: 'test/misuse-shares.test.ts: a device that asks without end is told to wait, and another is answered',
  },
  pipes: {
    resource: 'pipes asked for',
    code: 'RATE_LIMITED',
    hop: 'control',
    rates: [
      { by: 'device', burst: 128, perSecond: 4 },
      { by: 'user', burst: 512, perSecond: 20 },
    ],
    note: 'with a question for access as well; clients ask again by themselves',
    test: 'test/misuse-shares.test.ts: a device that asks for pipes and never comes stops nobody: its next is refused, the tunnel of another opens',
  },
  grants: {
    resource: 'grants that have not ended',
    by: 'device',
    limit: '8192',
    code: 'RATE_LIMITED',
    hop: 'control',
    test: 'control/access/live-grants.test.ts: a device holds so many grants and no more; another is given its first',
  },
  sessions: {
    resource: 'sessions on record that nobody else confirms',
    by: 'device',
    limit: '50 000 at once, then 20 a second; of a connector 250 000, then 200 a second',
    code: 'none',
    hop: 'control',
    note: 'the rest is not kept, and counted',
    test: 'store/session-allowance.test.ts: what a client alone says ends at a number and comes back slowly; of another device it takes nothing',
  },
  denials: {
    resource: 'denials that are kept, within a minute',
    by: 'device',
    limit: '60; what is more is counted together',
    code: 'none',
    hop: 'control',
    test: 'control/trace/refusals.test.ts: a device that tries name after name gets so many records, and one for the rest',
  },
  renewals: {
    resource: 'renewals of a certificate',
    code: 'RATE_LIMITED',
    hop: 'control',
    rates: [{ by: 'agent', burst: 30, perSecond: 1 / 60 }],
    test: 'test/misuse-shares.test.ts: an agent that renews without end is told to wait, and another is given its certificate',
  },
  looks: {
    resource: 'looks at the way of a device',
    code: 'RATE_LIMITED',
    hop: 'control',
    rates: [{ by: 'device', burst: 4, perSecond: 1 / 15 }],
    note: 'four at once of all devices',
    test: 'test/own-look.test.ts: a device that asks for looks without end is told to wait',
  },
  canaries: {
    resource: 'canaries',
    code: 'RATE_LIMITED',
    hop: 'control',
    rates: [{ by: 'connector', burst: 60, perSecond: 1 }],
    test: 'test/misuse-shares.test.ts: a connector that asks for canaries without end is told to wait, and another gets its own',
  },
  signIns: {
    resource: 'passwords being checked',
    by: 'address',
    limit: 'two at once, the addresses in turn; a device that signed in before has a turn of its own',
    code: 'RATE_LIMITED',
    hop: 'control',
    test: 'control/base/authenticator.test.ts: a flood from one place keeps nobody of another one out, and hears when to come again',
  },
  requests: {
    resource: 'API requests at once',
    code: 'RATE_LIMITED',
    hop: 'control',
    of: 256,
    shares: [{ by: 'token', weight: 1 }],
    note: 'until the whole answer was taken',
    test: 'control/rest/shares.test.ts: a token with requests without end is told to wait, and the admin is answered',
  },
  strangers: {
    resource: 'API documents (`openapi.json`) being read without a token',
    code: 'RATE_LIMITED',
    hop: 'control',
    of: 64,
    shares: [{ by: 'address', weight: 1 }],
    test: 'control/rest/shares.test.ts: a stranger who reads no answers has so many and no more, and tokens are served',
  },
  longAnswers: {
    resource: 'API answers that go on: session streams, traces, examinations',
    code: 'RATE_LIMITED',
    hop: 'control',
    of: 256,
    shares: [{ by: 'token', weight: 1, most: 64 }],
    test: 'control/rest/shares.test.ts: a token follows so many streams and no more, and that of another begins',
  },
  heavy: {
    resource: 'lint, plan and apply at once',
    by: 'token',
    limit: 'two at once, the tokens in turn',
    code: 'RATE_LIMITED',
    hop: 'control',
    test: 'control/rest/shares.test.ts: lint and apply of a script wait in turn: that of the admin comes between',
  },
} as const satisfies Record<string, ShareRow>

export const LOG_SHARE = {
  resource: 'log lines about one peer',
  code: 'RATE_LIMITED',
  hop: 'control',
  rates: [{ by: 'agent', burst: 2000, perSecond: 10 }],
  note: 'of every process; errors are always written, and what is left out is counted in a line of its own',
  test: 'base/line-shares.test.ts: lines about one device are bounded, and those about another are written',
} as const satisfies ShareRow
