/**
 * What a forward says to whoever runs it. The program behind its port sees a connection that ends and no reason, so the
 * reason is said here: once for each reason and minute, the rest of the minute counted.
 *
 * @module
 */
import { askAdmin } from '../../base/ask-admin.ts'
import { rfc3339 } from '../../base/clock.ts'
import { CountedLines } from '../../base/counted-lines.ts'
import { wordsOf } from '../../base/fault-words.ts'
import type { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { type AskedDestination, askAbout } from '../address/ask-about.ts'

export interface ForwardTrouble {
  readonly fault: Fault
  /** 1 for the first; else how many came in the minute since. */
  readonly times: number
}

/** The troubles of one forward, counted. */
export class ForwardTroubles implements Disposable {
  readonly #lines = new CountedLines()
  readonly #tell: (trouble: ForwardTrouble) => void

  constructor(tell: (trouble: ForwardTrouble) => void) {
    this.#tell = tell
  }

  readonly note = (fault: Fault): void => {
    this.#lines.note(fault.code, (times) => this.#tell({ fault, times }))
  };

  [Symbol.dispose](): void {
    this.#lines[Symbol.dispose]()
  }
}

export interface SaidTrouble {
  readonly at: string
  readonly to: string
  readonly code: string
  readonly hop: string
  readonly title: string
  readonly detail: string
  readonly times: number
  /** The command that says more, here. */
  readonly more: string
  /** That of an admin. */
  readonly ask?: string
}

/** @param o.user Who is signed in. */
export function saidTrouble(
  { fault, times }: ForwardTrouble,
  { to, nowMs, user }: { to: AskedDestination; nowMs: number; user?: string },
): SaidTrouble {
  const { code, hop, detail } = fault
  const { title } = wordsOf(fault, { APP: to.host, PORT: to.port })
  const asked = hostPort(to)
  return {
    ...{ at: rfc3339(nowMs), to: asked, code, hop, title, times, more: askAbout(to) },
    detail: detail.replace(/\.$/, ''),
    ask: askAdmin(fault, { user, to: asked }),
  }
}

/** One line. */
export function troubleText({ at, to, code, hop, title, detail, times, more, ask }: SaidTrouble): string {
  const again = times === 1 ? '' : `, ${times} times more within a minute`
  const admin = ask === undefined ? '' : `; or ask an admin: ${ask}`
  return `${at} ${to}: ${code} (${hop})${again}: ${title}: ${detail}; more: ${more}${admin}`
}
