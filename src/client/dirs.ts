/** Where the files of a client lie. */
import path from 'node:path'
import { homeFolder } from '../base/own-user.ts'

/** The variable that every command goes by which has to do with the state of a client; a flag goes before it. */
export const CLIENT_STATE = 'BACKSTITCH_CLIENT_STATE'

/**
 * The state where BACKSTITCH_CLIENT_STATE says, and else XDG Base Directory places; a relative value of theirs is ignored,
 * as that specification says. Nothing where they hang on a home and the user has none.
 */
export function clientDirs(env: NodeJS.ProcessEnv = process.env): { configFile?: string; state?: string } {
  const home = homeFolder(env)
  const of = (name: string, fallback: string, ...rest: string[]) => {
    const value = env[name]
    if (value !== undefined && path.isAbsolute(value)) return path.join(value, 'backstitch', ...rest)
    return home === undefined ? undefined : path.join(home, fallback, 'backstitch', ...rest)
  }
  return {
    configFile: of('XDG_CONFIG_HOME', '.config', 'client.yaml'),
    state: env[CLIENT_STATE] || of('XDG_STATE_HOME', '.local/state', 'client'),
  }
}
