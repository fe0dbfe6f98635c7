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
  title: "whether users' sessions are answered",
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
    if (first === undefined) return pass('the daemon knows of no unanswered session')
    return fail(first.code as FaultCode, {
      hop: 'application',
      expected: 'applications that answer their users',
      seen: [`the daemon reports: ${first.detail}`, ...(first.seen?.saw ?? []), ...others.map(alsoText)],
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
    return `${where} answered datagrams before and no longer does: the application hangs or is gone, or its replies are lost on the way back.`
  const takes = `${where} accepts connections, but data sent`
  if (detail.includes('after a pause of'))
    return `${takes} after a pause is lost: something on the path drops idle connections.`
  if (detail.includes('some of its packets are lost'))
    return `${where} answers, but some of its packets, most likely large ones, never arrive here: something on the path drops them.`
  return detail.includes('not acknowledged')
    ? `${takes} is lost: something on the path lets connections open and drops the rest.`
    : `${where} accepts connections but answers no requests: the application hangs, or is waiting for something itself.`
}

function alsoText({ code, detail }: DaemonNote): string {
  return `and ${code}: ${detail}`
}
