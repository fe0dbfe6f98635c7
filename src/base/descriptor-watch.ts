import { close, open } from 'node:fs'
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
  readonly #log: Log
  #exhausted = false

  constructor(log: Log, everyMs = LOOK_MS) {
    this.#log = log
    this.#timer = setInterval(() => this.#look(), everyMs).unref()
  }

  #look(): void {
    lackOfDescriptors().then((errno) => this.#tell(errno))
  }

  #tell(errno: string | undefined): void {
    const before = this.#exhausted
    this.#exhausted = errno !== undefined
    if (this.#exhausted === before) return
    if (errno !== undefined) {
      const fields = { event: 'descriptors.exhausted', code: 'FD_EXHAUSTED', seen: { errno } }
      this.#log.error(
        fields,
        `No file descriptor is left (${errno}): new connections are closed as they come`,
      )
    } else this.#log.info({ event: 'descriptors.again' }, 'There are file descriptors again')
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
