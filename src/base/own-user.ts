import os from 'node:os'
import path from 'node:path'

/** The user this process runs as; its number where it has no name, as in many containers. */
export function userName(): string {
  try {
    return os.userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}

/** `$HOME`, else what the system says. Nothing for a user without either. */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.HOME !== undefined && path.isAbsolute(env.HOME)) return env.HOME
  try {
    const home = os.homedir()
    return path.isAbsolute(home) ? home : undefined
  } catch {
    return undefined
  }
}
