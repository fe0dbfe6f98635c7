import { close, open } from 'node:fs'
import { Condition } from './condition.ts'
import { Fault, type Hop } from './faults.ts'
import type { Log } from './log.ts'

const LOOK_MS = 2000

/** @returns The errno with which this process opens nothing more; nothing while it has descriptors. */
export function lackOfDescriptors(): Promise<string | undefined> {
  return new Promise((done) => {
    open('/dev/null', 'r', (error, descriptor) => {
      if (error === null) close(descriptor)
      done(error?.code === 'EMFILE' || error?.code === 'ENFILE' ? error.code : undefined)
    })
  })
}

/**
 * Says when this process has no descriptors left, and when it has some again. Without it nobody would: the kernel has
 * the event loop take new connections and close them, which looks like a network that is broken.
 */
export class DescriptorWatch implements Disposable {
  readonly #timer: NodeJS.Timeout
  readonly #lack: Condition

  constructor(log: Log, everyMs = LOOK_MS) {
    const over = 'File descriptors are available again'
    this.#lack = new Condition(log, {
      ...{ begins: 'descriptors.exhausted', ends: 'descriptors.again', over },
      level: 'error',
    })
    this.#timer = setInterval(() => this.#look(), everyMs).unref()
  }

  #look(): void {
    lackOfDescriptors().then((errno) => this.#lack.set(errno === undefined ? undefined : lackFault(errno)))
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#lack[Symbol.dispose]()
  }
}

/** The kernel takes connections and closes them before anybody here hears of them. */
export function lackFault(errno: string, hop?: Hop): Fault {
  const detail = `out of file descriptors (${errno}): new connections are closed on arrival`
  return new Fault('FD_EXHAUSTED', detail, { hop, seen: { errno } })
}
