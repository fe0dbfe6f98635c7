import type { Fault } from '../../base/faults.ts'
import { KeptProcess } from '../../base/kept-process.ts'
import type { Log } from '../../base/log.ts'
import type { Parting } from '../../base/parting.ts'
import { programFile } from '../../base/program-files.ts'
import { faultFromMessage } from '../../link/control/fault-message.ts'
import type { Order, PartReport } from './messages.ts'
import type { ServerOptions } from './options.ts'

export interface KeptPartOptions {
  readonly name: 'control' | 'edge'
  readonly options: ServerOptions
  readonly log: Log
  readonly onNews: (news: PartReport) => void
  /** It ended unasked; told before it is started again. */
  readonly onEnded: (fault: Fault) => void
}

/** One part of a server, as a process of its own. */
export class KeptPart extends KeptProcess<Order, PartReport> {
  /** Why it is stopped, told with that. */
  parting: Parting | undefined

  constructor({ name, options, ...rest }: KeptPartOptions) {
    super({
      ...rest,
      kind: 'part',
      name,
      hop: name,
      entry: programFile(`src/cli/server/${name}-main`),
      cwd: options.stateDir, // paths of Unix sockets are short from there
      first: () => ({ do: 'start', options }),
      last: () => ({ do: 'stop', parting: this.parting }),
      faultOf: (news) => (news.is === 'failed' ? faultFromMessage(news.fault) : undefined),
    })
  }
}
