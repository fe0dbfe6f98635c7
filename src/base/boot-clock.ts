/**
 * Time since this machine was started: the one clock that nobody sets, that goes on in suspend, and that two processes
 * share. Durations of what outlives a process are measured by it; dates are for people.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import os from 'node:os'

export interface BootTime {
  /** Which start of the machine; empty where the system does not say. */
  readonly boot: string
  readonly atMs: number
}

let boot: string | undefined

export function bootTime(): BootTime {
  boot ??= readBootId()
  return { boot, atMs: Math.round(os.uptime() * 1000) }
}

/** @returns nothing where the machine was started anew in between. */
export function elapsedMs(since: BootTime, now: BootTime): number | undefined {
  return since.boot === now.boot && since.boot !== '' ? Math.max(0, now.atMs - since.atMs) : undefined
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return ''
  }
}
