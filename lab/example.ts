/**
 * What a person on call sees of one variant while it lasts: log, status, doctor, trace. docs/faults.md shows these.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { visibleLine } from '../src/base/visible-text.ts'
import { USER } from './client.ts'
import type { Consultation } from './doctor.ts'
import type { Lab } from './lab.ts'
import { PROGRAM } from './paths.ts'
import { nameOf, patientOf, type Scenario, type Since, type Variant } from './scenario.ts'
import { APP_NAME, APP_PORT } from './topology.ts'

const LINE_CHARS = 220
const ANSWER_LINES = 24
/** Of the hops of a trace, where the user is the one who sees it. */
const TRACED = ['client', 'control', 'connector', 'dns', 'application']

/** Writes `SCN-05-drop.txt`. */
export async function keepExample(
  folder: string,
  lab: Lab,
  { scenario, variant }: { scenario: Scenario; variant: Variant },
  { said, since }: { said: Consultation; since: Since },
): Promise<void> {
  const parts = [
    doctorPart(variant, said),
    logPart(lab, variant, since),
    await statusPart(lab, variant),
    await tracePart(lab, variant),
  ]
  const text = parts
    .filter((part) => part.length > 1)
    .map((part) => part.map((line) => shortened(line, lab)).join('\n'))
    .join('\n\n')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, exampleFile(nameOf(scenario, variant))), `${text}\n`)
}

/** @param name `SCN-05:drop`. */
export function exampleFile(name: string): string {
  return `${name.replace(':', '-')}.txt`
}

/** The finding; the checks that pass are not what anybody looks for. */
function doctorPart(variant: Variant, { text, findings, command }: Consultation): string[] {
  if (command !== undefined) return [`$ ${command}`, ...paragraph(text)]
  if (variant.examine === undefined) {
    const about = variant.app === undefined ? '' : ` --app ${variant.app}`
    return [`$ sudo backstitch doctor connector${about}`, ...paragraph(text)]
  }
  const [finding] = findings
  return finding === undefined ? [] : [`$ ${finding.verify.run}`, ...laidOut(text, finding.code)]
}

/** Data with a line for each field; of a list of findings only what concerns this code, without what else it names. */
function laidOut(text: string, code: string): string[] {
  try {
    const { findings, ...value } = JSON.parse(text) as { findings?: { code: string }[] }
    const { others, ...shown }: { others?: object } = findings?.find((one) => one.code === code) ?? value
    return JSON.stringify(shown, undefined, 2).split('\n').slice(0, ANSWER_LINES)
  } catch {
    return text.split('\n').slice(0, ANSWER_LINES)
  }
}

/** The line in which the daemon said it by itself. */
function logPart(lab: Lab, variant: Variant, since: Since): string[] {
  const lines = since.faults(patientOf(lab, variant)).filter(({ code }) => code === variant.code)
  const line = lines.find(({ event }) => event === 'doctor.verdict') ?? lines[0]
  if (line === undefined) return []
  const { level, time, event, code, hop, msg } = line
  return ['$ journalctl -u backstitch-connector', JSON.stringify({ level, time, event, code, hop, msg })]
}

/** Of the status what is wrong. */
async function statusPart(lab: Lab, variant: Variant): Promise<string[]> {
  const { machine, stateDir, runs } = patientOf(lab, variant)
  if (variant.examine !== undefined || !runs) return []
  const { stdout } = await machine.run(PROGRAM, 'status', '--state', stateDir)
  const wanted = stdout
    .split('\n')
    .filter(
      (line, at, all) =>
        at === 0 || /^\s+✗|^(outage|out|note)\b/.test(line) || /^(\s+✗|outage )/.test(all[at - 1]!),
    )
  return ['$ backstitch status', ...wanted.filter((line) => line !== '')]
}

/** From the user's device, where it is the user who is served no more. */
async function tracePart(lab: Lab, variant: Variant): Promise<string[]> {
  if (!TRACED.includes(variant.hop) || !(variant.cutsAll || variant.app || variant.examine)) return []
  const port = Number(variant.app?.split(':')[1] ?? APP_PORT)
  const { stdout } = await lab.trace(port)
  const [verdict = '', ...rest] = stdout.split('\n')
  if (verdict === '' || verdict.startsWith('healthy')) return [] // all is well, or nobody is there to ask
  return [
    `$ backstitch trace ${USER} ${APP_NAME}:${port}`,
    verdict,
    ...rest.filter((line) => /^ {2}[✓✗]/.test(line)),
  ]
}

function paragraph(text: string): string[] {
  const lines = text.split('\n')
  const end = lines.indexOf('')
  return lines.slice(0, end === -1 ? undefined : end)
}

/** Folders of the lab are not those of an installation, and long lines are read by nobody. */
function shortened(line: string, lab: Lab): string {
  const plain = line
    .replaceAll(new RegExp(`${lab.dir}/connector-[ab]/state`, 'g'), '/var/lib/backstitch/connector')
    .replaceAll(new RegExp(`${lab.dir}/connector-[ab]/`, 'g'), '/etc/backstitch/')
    .replaceAll(`${lab.dir}/edge2/state`, '/var/lib/backstitch/edge')
    .replaceAll(` --context ${lab.dir}/edge/server/context.json`, '')
    .replaceAll(`${lab.dir}/`, '/')
  const shown = visibleLine(plain)
  return shown.length <= LINE_CHARS ? shown : `${shown.slice(0, LINE_CHARS - 1)}…`
}
