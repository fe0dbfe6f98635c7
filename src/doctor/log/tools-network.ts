/**
 * nslookup, dig, curl, openssl, ping and nc, as they speak.
 *
 * @module
 */
import { MAX_SKEW_MS } from '../../base/clock-skew.ts'
import type { FaultCode } from '../../base/faults.ts'
import { span } from '../../base/span.ts'
import { readChrony, readTimedatectl } from '../../probe/clock-sync.ts'
import { tooLong } from '../../probe/ping.ts'
import { soundsLikeInspection } from '../checks/inspection-vendors.ts'
import { byLine, type Clue, type ClueReader, type Pattern } from './clue.ts'
import type { LogLine } from './log-lines.ts'

/** Of names: is it the edge that was asked for, or an application? An edge says so in its name, or was dialled. */
export function toolNames(edgeHost: string | undefined): ClueReader {
  const edge = `(${edgePattern(edgeHost)})`
  const other = `((?!${edgePattern(edgeHost)})\\S+?)`
  return byLine([
    {
      code: 'RESOLVER_UNREACHABLE',
      says: /no servers could be reached|communications error to \S+: (?:timed out|connection refused)/,
    },
    refused('EDGE_NAME_NXDOMAIN', edge, 'NXDOMAIN'),
    refused('APP_NAME_NXDOMAIN', other, 'NXDOMAIN'),
    refused('RESOLVER_UNREACHABLE', edge, 'SERVFAIL|REFUSED'),
    refused('APP_RESOLVER_DOWN', other, 'SERVFAIL|REFUSED'),
    { code: 'EDGE_NAME_NXDOMAIN', says: new RegExp(`Could not resolve host: ${edge}`, 'i') },
    { code: 'APP_NAME_NXDOMAIN', says: new RegExp(`Could not resolve host: ${other}$`, 'i') },
  ])
}

/** As nslookup and host say it. */
function refused(code: FaultCode, name: string, said: string): Pattern {
  return {
    code,
    says: new RegExp(`server can't find ${name}\\.?: (${said})`, 'i'),
    why: ([, host, answer]) => `The resolver answered ${answer} for ${host}.`,
  }
}

function edgePattern(edgeHost: string | undefined): string {
  const usual = '(?:[\\w.-]*\\.)?(?:edge|broker|zen|api\\.private)[\\w.-]*'
  return edgeHost === undefined ? usual : `(?:${RegExp.escape(edgeHost)}|${usual})`
}

export const curl = byLine([
  {
    code: 'PROXY_AUTH',
    says: /(?:HTTP code|response) 407\b|407 Proxy Authentication Required/,
    why: () => 'The proxy requires a user name and password.',
  },
  {
    code: 'PROXY_REFUSED',
    says: /Received HTTP code (?!407)(\d{3}) from proxy after CONNECT|CONNECT tunnel failed, response (?!407)(\d{3})/,
    why: (found) => `The proxy answered ${found[1] ?? found[2]} to CONNECT.`,
  },
  {
    code: 'PROXY_UNREACHABLE',
    says: /Could not resolve proxy: \S+|Failed to connect to proxy|Proxy CONNECT aborted/i,
  },
])

/** Only an issuer that gives itself away: an edge shows another certificate to browsers than to agents. */
export const openssl: ClueReader = (lines) =>
  lines.flatMap((line) => {
    const issuer = /^\s*(?:\*\s*)?issuer\s*[=:]\s*(.+)$/i.exec(line.text)?.[1]
    if (issuer === undefined || !soundsLikeInspection(issuer)) return []
    return [
      {
        code: 'TLS_INTERCEPTED',
        line,
        why: `The certificate is signed by ${issuer}, so TLS is intercepted on the path.`,
      },
    ]
  })

export const clocks: ClueReader = (lines) => {
  const told = /System time\s*:.*(slow|fast) of NTP time/i
  const line = lines.find(({ text }) => told.test(text))
  const { slowMs } = readChrony(lines.map(({ text }) => text).join('\n'))
  if (line !== undefined && slowMs !== undefined && Math.abs(slowMs) > MAX_SKEW_MS) {
    return [
      { code: 'CLOCK_SKEW', line, why: `The clock is ${span(slowMs)} ${slowMs > 0 ? 'slow' : 'fast'}.` },
    ]
  }
  const skew = lines.find(({ text }) => /certificate is not yet valid|CERT_NOT_YET_VALID/i.test(text))
  const unsynchronised = readTimedatectl(lines.map(({ text }) => text).join('\n')).synchronised === false
  return skew && unsynchronised
    ? [
        {
          code: 'CLOCK_SKEW',
          line: skew,
          why: 'Certificates appear not yet valid, and time is not synchronised.',
        },
      ]
    : []
}

export const ping: ClueReader = (lines) =>
  lines.flatMap((line): Clue[] => {
    const said = tooLong(line.text)
    if (said === undefined || !/too long|frag needed/i.test(said)) return []
    const [, mtu] = /mtu ?= ?(\d+)/.exec(said)!
    return [
      {
        code: 'PATH_MTU',
        line,
        why: `The path carries packets up to ${mtu} bytes, and larger ones were sent.`,
      },
    ]
  })

interface ToolAttempt {
  readonly host: string
  readonly port: number
  readonly end: 'open' | 'refused' | 'silent'
  readonly line: LogLine
}

/** nc and curl: one port of a host open and another not is a finding that neither line makes alone. */
export function connections(edgeHost: string | undefined): ClueReader {
  const isEdge = (host: string) => new RegExp(`^${edgePattern(edgeHost)}$`, 'i').test(host)
  return (lines) => {
    const attempts = lines.flatMap((line) => attemptOf(line) ?? [])
    const declared = lines.map(
      ({ text }) => /segment[^\n]*?(?:lists?|says|declares)(?: only)? (?:port )?(\d{2,5})/i.exec(text)?.[1],
    )
    const ports = new Set(declared.flatMap((port) => (port === undefined ? [] : [Number(port)])))
    return attempts.flatMap(
      (attempt) => clueOf(attempt, attempts, { ports, isEdge, noProxy: saysNoProxy(lines) }) ?? [],
    )
  }
}

function saysNoProxy(lines: readonly LogLine[]): boolean {
  return lines.some(({ text }) => /no proxy (?:file )?(?:is )?set|effective proxy: none/i.test(text))
}

function clueOf(
  attempt: ToolAttempt,
  all: readonly ToolAttempt[],
  o: { ports: ReadonlySet<number>; isEdge: (host: string) => boolean; noProxy: boolean },
): Clue | undefined {
  const { host, port, end, line } = attempt
  const sibling = all.find((other) => other.host === host && other.port !== port && other.end === 'open')
  if (end === 'open') {
    if (o.ports.size === 0 || o.ports.has(port)) return undefined
    return {
      code: 'SEGMENT_PORT_MISMATCH',
      line,
      why: `The application answers on ${port}, but the segment lists ${[...o.ports].join(', ')}.`,
    }
  }
  if (sibling !== undefined) {
    const edge = o.isEdge(host) && sibling.port === 443
    const why = `Port ${sibling.port} of ${host} answers, port ${port} does not.`
    return { code: edge ? 'CONTROL_PORT_BLOCKED' : 'SEGMENT_PORT_MISMATCH', line, why }
  }
  const edge = o.isEdge(host) || (!isPrivateTarget(host) && port === 443)
  if (edge && o.noProxy)
    return { code: 'PROXY_REQUIRED', line, why: 'Direct connections get no answer, and no proxy is set.' }
  if (edge) return { code: end === 'silent' ? 'EGRESS_BLOCKED' : 'EGRESS_REJECTED', line }
  return { code: end === 'silent' ? 'APP_TIMEOUT' : 'APP_REFUSED', line }
}

/** Names and addresses of the inside are applications. */
function isPrivateTarget(host: string): boolean {
  return /^(10|127)\.|^192\.168\.|^172\.(1[6-9]|2\d|3[01])\.|\.(local|internal|lan|corp|intranet)$/i.test(
    host,
  )
}

const NC_OPEN = /Connection to (\S+) (?:\([\d.:a-f]+\) )?(\d+) port .*succeeded/
const NC_FAILED = /nc: connect to (\S+) (?:\([\d.:a-f]+\) )?port (\d+) .*failed: (.*)/
const CURL_FAILED = /connect to (\S+) port (\d+)[^:]*(?:failed|after \d+ ms): (.*)/i

function attemptOf(line: LogLine): ToolAttempt | undefined {
  const open = NC_OPEN.exec(line.text)
  if (open) return { host: open[1]!, port: Number(open[2]), end: 'open', line }
  const failed = NC_FAILED.exec(line.text) ?? CURL_FAILED.exec(line.text)
  if (failed === null) return undefined
  const end = /refused/i.test(failed[3]!) ? 'refused' : 'silent'
  return { host: failed[1]!, port: Number(failed[2]), end, line }
}
