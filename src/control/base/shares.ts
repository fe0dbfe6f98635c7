import { FairQueue } from '../../base/fair-queue.ts'
import { CONTROL_SHARES } from '../../base/share-table/control.ts'
import { Pool, Rate } from '../../base/shares.ts'

/** An agent waits ten seconds for its welcome. */
const WELCOME_WAIT_MS = 8000
/** Tools wait half a minute for an answer. */
const HEAVY_WAIT_MS = 20_000

/** What all agents and tokens of one control plane share, and none may take alone. */
export class ControlShares {
  readonly connects = new Rate(CONTROL_SHARES.connects)
  readonly connections = new Pool(CONTROL_SHARES.connections)
  readonly questions = new Rate(CONTROL_SHARES.questions)
  readonly pipes = new Rate(CONTROL_SHARES.pipes)
  readonly renewals = new Rate(CONTROL_SHARES.renewals)
  readonly looks = new Rate(CONTROL_SHARES.looks)
  readonly canaries = new Rate(CONTROL_SHARES.canaries)
  readonly requests = new Pool(CONTROL_SHARES.requests)
  readonly strangers = new Pool(CONTROL_SHARES.strangers)
  readonly longAnswers = new Pool(CONTROL_SHARES.longAnswers)
  /** Welcomes of clients, by user: each takes a look at every segment. */
  readonly welcomes = new FairQueue({ atOnce: 2, maxWaitMs: WELCOME_WAIT_MS })
  /** What looks at the whole configuration, by token. */
  readonly heavy = new FairQueue({ atOnce: 2, maxWaitMs: HEAVY_WAIT_MS })
}
