import { runProgram } from './run-program.ts'

/** What systemd says of a service. */
export interface UnitFacts {
  readonly name: string
  /** `loaded`, `masked`, `bad-setting`, `error`. */
  readonly load: string
  /** `active`, `inactive`, `failed`, `activating`… */
  readonly active: string
  readonly enabled: string
  readonly restarts: number
  /** Of the last main process. */
  readonly exitStatus: number
  /** `success`, `exit-code`, `oom-kill`, `watchdog`… */
  readonly result?: string
  readonly lastLine?: string
}

/** @returns `undefined` where there is no systemd, or no such unit. @throws where systemd did not say. */
export async function lookAtUnit(name: string, signal: AbortSignal): Promise<UnitFacts | undefined> {
  const properties = 'LoadState,ActiveState,UnitFileState,NRestarts,ExecMainStatus,Result'
  const shown = await runProgram('systemctl', ['show', name, `--property=${properties}`], { signal })
  if (shown?.status === -1) throw new Error('systemctl gave no answer in time')
  if (shown?.status !== 0) return undefined
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(shown.stdout)?.[1] ?? ''
  const load = value('LoadState')
  if (load === '' || load === 'not-found') return undefined
  const log = await runProgram('journalctl', ['-u', name, '-n', '1', '--no-pager', '-o', 'cat'], { signal })
  return {
    name,
    load,
    active: value('ActiveState'),
    enabled: value('UnitFileState'),
    restarts: Number(value('NRestarts')) || 0,
    exitStatus: Number(value('ExecMainStatus')) || 0,
    result: value('Result') || undefined,
    lastLine: log?.stdout.trim().slice(0, 300) || undefined,
  }
}
