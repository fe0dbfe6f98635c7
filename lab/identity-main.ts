/**
 * Prints the identity of the connector on this machine of the lab, opened with the factors of the machine.
 *
 *     node identity-main.ts STATE MACHINE.JSON
 *
 * @module
 */
import { silentLog } from '../src/base/log.ts'
import { StateDir } from '../src/base/state-dir.ts'
import { peekIdentity } from '../src/connector/enrol/identity.ts'
import { SealedState } from '../src/connector/enrol/sealed-state.ts'
import { readMachine } from '../src/probe/machine.ts'

const [stateDir, gathered] = process.argv.slice(2) as [string, string]
const sealedState = new SealedState(
  StateDir.at(stateDir, 'connector'),
  await readMachine({ gathered }),
  silentLog,
)
console.log(JSON.stringify((await peekIdentity(sealedState))!.identity))
