/** What connectors say by themselves of an application that they can connect to, and that fails its users. */
import type { FaultCode } from '../src/base/faults.ts'
import type { LabConnector } from './connector.ts'
import type { Lab } from './lab.ts'
import type { Since } from './scenario.ts'

/** Every half minute an application that is impaired is checked, and then looked at. */
const GONE_MS = 90_000

/** The connector that carried the session has looked closer. */
export function oneSays({ connectors: { a, b } }: Lab, since: Since, code: FaultCode): boolean {
  return [a, b].some((one) => since.faults(one).some((line) => line.code === code))
}

/** Resolves when its status notes it no more, without a restart. */
export async function noteGone(connector: LabConnector, code: FaultCode): Promise<void> {
  const notes = async () => (await connector.status())?.notes ?? []
  const gone = async () => !(await notes()).some((note) => note.code === code)
  await connector.daemon.until(gone, `note ${code} no more`, GONE_MS)
}
