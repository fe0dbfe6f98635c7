import type { FaultCode } from '../../base/faults.ts'
import { type Check, check, fail, pass } from '../check.ts'
import type { DaemonNote } from '../facts.ts'
import { appText, verifyHealthy } from './words.ts'

/** What the daemon notes of applications that it connects to. A look from here sees all but the first by itself. */
const OF_APPLICATIONS: readonly FaultCode[] = ['APP_SILENT', 'APP_TLS_NAME', 'APP_CERT_EXPIRED', 'PATH_MTU']
const OF_SESSIONS: readonly FaultCode[] = ['APP_SILENT']

/** A connection from here is one that nobody waits in: whether users are answered, the daemon knows. */
export const appSilence: Check = check({
  name: 'app-silence',
  title: 'whether the sessions of users are answered',
  hop: 'application',
  applies: ({ patient }) => patient.role === 'connector',
  needs: ['daemon'],
  after: ['daemon', 'app-port', 'app-answer'],
  judge: ({ daemon: { answers, notes = [] } }, { patient }) => {
    if (!answers) return undefined
    const { app } = patient
    const codes = app === undefined ? OF_APPLICATIONS : OF_SESSIONS
    const noted = notes.filter(
      ({ code, detail }) =>
        codes.some((one) => one === code) && (app === undefined || detail.startsWith(`${appText(app)}: `)),
    )
    const [first, ...others] = noted
    if (first === undefined) return pass('the daemon knows of none that asks in vain')
    return fail(first.code as FaultCode, {
      hop: 'application',
      expected: 'applications that answer whoever asks them',
      seen: [`the daemon says: ${first.detail}`, ...(first.seen?.saw ?? []), ...others.map(alsoText)],
      cause: causeOf(first),
      fix: first.seen?.fix ?? [],
      verify: verifyHealthy(patient),
    })
  },
})

function causeOf({ code, detail }: DaemonNote): string {
  const where = detail.slice(0, detail.indexOf(': '))
  if (code !== 'APP_SILENT') return detail
  if (where.endsWith('/udp'))
    return `${where} answered datagrams and does not any more: the application hangs or is gone, or its answers are lost on the way back.`
  const takes = `${where} takes connections, and what is sent in them`
  if (detail.includes('after a pause of'))
    return `${takes} after a pause is lost: something on the way forgets connections that are idle.`
  if (detail.includes('of what it sends some is lost'))
    return `${where} answers, and some of its packets never arrive here: something on the way from it drops them, long ones most likely.`
  return detail.includes('not acknowledged')
    ? `${takes} is lost: something on the way lets a connection begin and drops the rest.`
    : `${where} takes connections and answers nobody: the application hangs, or waits for something itself.`
}

function alsoText({ code, detail }: DaemonNote): string {
  return `and ${code}: ${detail}`
}
