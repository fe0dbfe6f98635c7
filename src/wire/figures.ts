/** Figures of a connector, and what control asks it to watch. */
import { z } from 'zod'
import { host, id, part, port } from './values.ts'

/** Five minutes at one sample every five seconds. */
export const MAX_SAMPLES = 60
export const MAX_SESSIONS_BY = 32
/** Applications that one connector is asked to watch. */
export const MAX_PROBES = 500

const count = z.number().int().min(0)
const percent = z.number().min(0)

/** The same fields as Figures. */
export const figures = z.strictObject({
  cpuPercent: percent,
  cpuLimitPercent: percent,
  cpuWaitPercent: percent,
  rssBytes: count,
  memoryLimitBytes: count,
  memoryFreeBytes: count,
  fds: count,
  fdLimit: count,
  portsUsed: count,
  portsTotal: count,
})

/** Samples are told by their age: the clocks of both ends need not agree. */
export const agedSample = figures.extend({ agoMs: count, sessions: count })

export const sessionsBy = z.array(z.strictObject({ segment: id, sessions: count })).max(MAX_SESSIONS_BY)

const watched = z.strictObject({
  segment: id,
  segmentName: z.string().max(128),
  host,
  port,
  /** Where its name may lead to, as the segment says; nothing is said when empty. */
  networks: z.array(z.string().max(49)).max(32),
  everyMs: z.number().int().min(1000),
})
export type WatchedApplication = z.infer<typeof watched>

/** Replaces the list of applications that a connector tries by itself, with its last part. */
export const probe = z.strictObject({
  type: z.literal('probe'),
  part,
  applications: z.array(watched).max(MAX_PROBES),
})
