import os from 'node:os'

const KEEP_MS = 5000
let known: ReadonlySet<string> = new Set()
let untilMs = Number.NEGATIVE_INFINITY

/** Addresses of the interfaces of this machine; read again when older than a few seconds. */
export function ownAddresses(): ReadonlySet<string> {
  const nowMs = performance.now()
  if (nowMs < untilMs) return known
  untilMs = nowMs + KEEP_MS
  known = new Set(
    Object.values(os.networkInterfaces())
      .flatMap((interfaces) => interfaces ?? [])
      .map(({ address }) => address),
  )
  return known
}
