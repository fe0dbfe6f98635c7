import { StateDir } from '../../base/state-dir.ts'
import { loadProfile } from '../uplink/profile.ts'

/** Who an admin is to be asked for; a profile that cannot be read is another story. */
export async function signedIn(stateDir: string): Promise<string | undefined> {
  return (await loadProfile(StateDir.at(stateDir, 'client')).catch(() => undefined))?.user
}
