import { cpus, freemem } from 'node:os'

/** Of one lab with all its programs. */
const LAB_BYTES = 1.2e9

/** How much of the processors nobody used since the last call, 0 to 1. */
export function idleMeter(): () => number {
  let last = times()
  return () => {
    const now = times()
    const [idle, all] = [now.idle - last.idle, now.all - last.all]
    last = now
    return all === 0 ? 0 : idle / all
  }
}

export function hasMemoryForALab(): boolean {
  return freemem() > 2 * LAB_BYTES
}

function times(): { idle: number; all: number } {
  let [idle, all] = [0, 0]
  for (const { times: of } of cpus()) {
    idle += of.idle
    all += of.idle + of.user + of.sys + of.nice + of.irq
  }
  return { idle, all }
}
