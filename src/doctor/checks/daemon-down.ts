/**
 * A daemon that should run and does not: whether the kernel killed it for memory, systemd cannot start it, or nobody does.
 *
 * @module
 */
import type { UnitFacts } from '../../probe/unit.ts'
import { type Failure, fail } from '../check.ts'
import type { DaemonFacts } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { killedFor, moreMemory, whyKilled } from './memory-kill.ts'
import { unitOf } from './words.ts'

export function down(
  { socket, silence, pid, unit, unitUnseen, lastOutage, oomKill }: DaemonFacts,
  { role, stateDir }: Patient,
): Failure {
  const name = unitOf(role)
  const looping =
    unit !== undefined && (unit.restarts > 2 || unit.active === 'failed' || unit.exitStatus !== 0)
  const disabled = unit !== undefined && unit.enabled !== 'enabled' && unit.enabled !== 'static'
  const forMemory = oomKill !== undefined || unit?.result === 'oom-kill'
  const startable = startableAgain(unit)
  const start = unit === undefined ? 'start the daemon as it was installed' : `systemctl enable --now ${name}`
  return fail('DAEMON_DOWN', {
    expected: `a daemon that answers at ${socket}`,
    seen: [
      pid === undefined
        ? `nothing answers at ${socket}`
        : `process ${pid} exists but does not answer at ${socket}${silence === undefined ? '' : `: ${silence}`}`,
      unit === undefined
        ? (unitUnseen ?? 'there is no systemd unit')
        : `${unit.name}: ${loadText(unit)}${unit.active}, ${unit.enabled || 'not enabled'}, ${unit.restarts} restarts, last exit ${unit.exitStatus} (${unit.result ?? 'no result'})`,
      ...killedFor(oomKill),
      lastOutage ? `last heard from: ${lastOutage}` : '',
      unit?.lastLine ? `its last line: ${unit.lastLine}` : '',
    ],
    cause: forMemory
      ? whyKilled(oomKill)
      : (pid === undefined && whyNotLoaded(unit)) || whyDown({ hangs: pid !== undefined, looping, disabled }),
    fix: forMemory
      ? [...moreMemory(oomKill, unit && name), ...startable, start]
      : looping || pid !== undefined
        ? [...startable, `journalctl -u ${name} -n 50`, `systemctl restart ${name}`]
        : [...startable, start],
    // A process that hangs is "active" to systemd, and "inactive" says it, too: only its own word counts.
    verify: { run: `backstitch status --state ${stateDir}`, expect: 'version' },
  })
}

function loadText({ load }: UnitFacts): string {
  return load === 'loaded' ? '' : `${load}, `
}

/** Nobody can start such a unit, so it is no use to say so first. */
function startableAgain(unit: UnitFacts | undefined): string[] {
  if (unit === undefined || unit.load === 'loaded') return []
  if (unit.load !== 'masked') return [`systemd-analyze verify ${unit.name}.service`]
  return [`systemctl unmask ${unit.enabled === 'masked-runtime' ? '--runtime ' : ''}${unit.name}`]
}

function whyNotLoaded(unit: UnitFacts | undefined): string | undefined {
  if (unit === undefined || unit.load === 'loaded') return undefined
  if (unit.load === 'masked')
    return 'The unit is masked, so it cannot be started, neither at boot nor by hand.'
  return 'systemd cannot read its unit, so it is not started.'
}

function whyDown(it: { hangs: boolean; looping: boolean; disabled: boolean }): string {
  if (it.hangs) return 'The process exists but does nothing: it hangs, or was stopped by a signal.'
  if (it.looping) return 'It exits again and again; its last line says why.'
  if (it.disabled) return 'It is not enabled, so nothing starts it.'
  return 'It was stopped or has exited, and nothing restarts it.'
}
