/**
 * For every socket towards a program or an application: after a minute of silence the kernel asks whether the other
 * host is still there, ten times, a second apart. One that has vanished ends the session (ETIMEDOUT) after 70 s.
 */
export const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 60_000 } as const
