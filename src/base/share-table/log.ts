import type { ShareRow } from './row.ts'

export const LOG_SHARE = {
  resource: 'log lines about one peer',
  code: 'RATE_LIMITED',
  hop: 'control',
  rates: [{ by: 'agent', burst: 2000, perSecond: 10 }],
  note: 'per process; errors are always written, and omitted lines are counted in a line of their own',
  test: 'base/line-shares.test.ts: lines about one device are bounded, and those about another are written',
} as const satisfies ShareRow
