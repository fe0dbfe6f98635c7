/**
 * What an application shows of itself through a session: a greeting, a certificate, or that it hangs up. Only where TLS
 * is usual is a ClientHello sent, and nothing else is ever sent: other programs log it as an attack.
 *
 * @module
 */
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { PATIENCE_MS, SLOW_MS } from '../../base/patience.ts'
import { visibleLine } from '../../base/visible-text.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import { isTlsPort } from '../../policy/tls-ports.ts'
import { firstWord } from '../../probe/first-word.ts'
import { nameFits, type PresentedCertificate, presentedChain } from '../../probe/presented-chain.ts'
import type { TraceStep } from '../../wire/control.ts'

const TLS_MS = PATIENCE_MS.applicationTls
const MAX_GREETING_CHARS = 120

/** Never throws; the stream belongs to this from here, and is ended. */
export async function lookAtApp(
  stream: Duplex,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<[tls: Omit<TraceStep, 'hop'>, application: Omit<TraceStep, 'hop'>]> {
  if (isTlsPort(port)) return lookAtTls(stream, host)
  const none = { verdict: 'skip', text: `port ${port} is not a usual TLS port` } as const
  return [none, await greeting(stream)]
}

async function greeting(stream: Duplex): Promise<Omit<TraceStep, 'hop'>> {
  const startedAt = performance.now()
  const said = await firstWord(stream)
  const us = Math.round((performance.now() - startedAt) * 1000)
  stream.on('error', () => {}).end()
  switch (said.is) {
    case 'bytes':
      return { verdict: 'pass', us, text: `it sends a greeting: ${shown(said.bytes)}` }
    case 'silent':
      return { verdict: 'pass', text: 'it keeps the connection open and waits for a request' }
    case 'closed':
      return failed(
        new Fault(
          'APP_HUNG_UP',
          `the application closed the connection after ${Math.round(us / 1000)} ms, before any data was sent`,
        ),
        us,
      )
    default:
      return said satisfies never
  }
}

function shown(bytes: Buffer): string {
  const line = bytes.toString('latin1').split(/\r?\n/, 1)[0] ?? ''
  return visibleLine(line).slice(0, MAX_GREETING_CHARS) || `${bytes.length} bytes`
}

type AppSteps = [Omit<TraceStep, 'hop'>, Omit<TraceStep, 'hop'>]

/** Node calls an end in good order a reset, where it comes before the handshake; one of the network has a system call. */
function isEndOfStream({ code, syscall }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' && syscall === undefined
}

/** Neither a certificate nor an alert came: not even a server that wants other TLS than ours. */
function hungUp(us: number): AppSteps {
  const detail = `the application closed the connection after ${Math.round(us / 1000)} ms, and answered no ClientHello`
  const none = { verdict: 'unknown', text: 'no TLS: it closed the connection' } as const
  return [none, failed(new Fault('APP_HUNG_UP', detail), us)]
}

/** A handshake as a browser would make it. Whether the chain is trusted is the affair of the programs that connect. */
function lookAtTls(stream: Duplex, host: string): Promise<AppSteps> {
  const startedAt = performance.now()
  const tookUs = () => Math.round((performance.now() - startedAt) * 1000)
  return new Promise((resolve) => {
    const secure = tls.connect({
      socket: stream,
      servername: isIP(host) === 0 ? host : '',
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    })
    const end = (steps: AppSteps) => {
      clearTimeout(timer)
      secure.on('error', () => {}).destroy()
      stream.on('error', () => {}).destroy()
      resolve(steps)
    }
    const broke = (why: string) => {
      const text = `no TLS: ${why}`
      end([
        { verdict: 'unknown', us: tookUs(), text },
        { verdict: 'unknown', text: 'it accepted the connection but did not complete a TLS handshake' },
      ])
    }
    const timer = setTimeout(() => broke(`no answer to a ClientHello in ${TLS_MS} ms`), TLS_MS)
    secure.once('error', (error: NodeJS.ErrnoException) => {
      if (isEndOfStream(error)) end(hungUp(tookUs()))
      else broke(error.code ?? error.message)
    })
    secure.once('close', () => broke('it closed the connection'))
    secure.once('secureConnect', () => {
      const [leaf] = presentedChain(secure)
      const names = leaf?.names || leaf?.subject || 'none'
      const protocol = secure.getProtocol() ?? 'TLS'
      const ended = leaf && notValidNow(leaf, host)
      if (nameFits(secure, host) && ended !== undefined) {
        end([failed(ended, tookUs()), { verdict: 'pass', text: 'it answers' }])
        return
      }
      if (nameFits(secure, host)) {
        end([
          {
            verdict: 'pass',
            us: tookUs(),
            text: `${protocol}, its certificate covers ${host}${slowly(tookUs())}`,
          },
          { verdict: 'pass', text: 'it answers' },
        ])
        return
      }
      const fault = new Fault('APP_TLS_NAME', `the certificate is for ${names}, not for ${host}`, {
        seen: { host, names },
      })
      end([failed(fault, tookUs()), { verdict: 'pass', text: 'it answers' }])
    })
  })
}

/** Where it is worth a word. */
function slowly(us: number): string {
  return us < SLOW_MS * 1000 ? '' : `; slow: its handshake took ${(us / 1_000_000).toFixed(1)} s`
}

function notValidNow({ notBeforeMs, notAfterMs }: PresentedCertificate, host: string): Fault | undefined {
  const nowMs = Date.now()
  if (notBeforeMs <= nowMs && nowMs <= notAfterMs) return undefined
  const when =
    notAfterMs < nowMs ? `expired at ${rfc3339(notAfterMs)}` : `is not valid before ${rfc3339(notBeforeMs)}`
  const detail = `the certificate for ${host} ${when}; the time is ${rfc3339(nowMs)} by the device's clock`
  return new Fault('APP_CERT_EXPIRED', detail, {
    seen: { host, notBefore: rfc3339(notBeforeMs), notAfter: rfc3339(notAfterMs) },
  })
}

function failed(fault: Fault, us?: number): Omit<TraceStep, 'hop'> {
  return { verdict: 'fail', us, text: fault.detail, fault: faultToMessage(fault) }
}
