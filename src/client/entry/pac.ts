/**
 * The proxy auto-configuration file: destinations that are covered go to the local proxy, the rest directly. What looks
 * private and is not covered goes directly first, as it may be near, and then to the proxy: a browser that found no such
 * name is shown why, and not an error of DNS.
 *
 * Pure; the script it writes resolves no name, so that looking at it never leaks one to a resolver.
 *
 * @module
 */
import { isIP, isIPv4 } from 'node:net'
import { visibleText } from '../../base/visible-text.ts'
import type { LaneRules } from '../../policy/lanes.ts'

export const PAC_TYPE = 'application/x-ns-proxy-autoconfig'

export interface Covered {
  /** Canonical names and addresses, and `*.suffix`. */
  readonly hosts: readonly string[]
  readonly cidrs: readonly string[]
  /** Names of the internet lane within those; absent: none. */
  readonly lanes?: LaneRules
}

/** A single label, or what is never in the public DNS: RFC 6762 appendix G, RFC 8375, and what ICANN keeps for it. */
const PRIVATE = String.raw`/^[^.]+$|\.(internal|intranet|private|corp|home|lan|home\.arpa)$/`

/**
 * @param proxy HOST:PORT of the local proxy.
 * @returns A script for every browser: ES3, no functions but its own and isInNet.
 */
export function writePac(proxy: string, covered: Covered): string {
  const exact: Record<string, 0 | 1> = {}
  const suffixes: Record<string, 0 | 1> = {}
  const put = (pattern: string, through: 0 | 1) => {
    if (pattern.startsWith('*.')) suffixes[pattern.slice(1)] = through
    else exact[pattern] = through
  }
  // What is written later wins: where both lanes name something alike, it is private.
  for (const { pattern } of covered.lanes?.bypass ?? []) put(pattern, 0)
  for (const pattern of covered.lanes?.claimed ?? []) put(pattern, 1)
  for (const host of covered.hosts) put(host.toLowerCase(), 1)
  // The longest first: the most specific name decides.
  const ordered = Object.entries(suffixes).sort(([a], [b]) => b.length - a.length || (a < b ? -1 : 1))
  const networks: [string, string][] = []
  for (const cidr of covered.cidrs) {
    const [base = '', bits] = cidr.split('/')
    if (isIPv4(base)) networks.push([base, maskOf(Number(bits ?? 32))])
    else if (bits === undefined || bits === '128') exact[base] = 1 // browsers have no common IPv6 net test
  }
  const near: Record<string, 1> = {}
  for (const host of covered.hosts) {
    const parent = host.toLowerCase().replace(/^\*\./, '').split('.').slice(1)
    if (parent.length >= 2 && !isIP(host)) near[`.${parent.join('.')}`] = 1
  }
  return `// Which destinations Backstitch carries. Written from what this user may reach; fetched again, it is current.
var PROXY = ${literal(`PROXY ${proxy}; SOCKS5 ${proxy}`)};
var EXACT = ${literal(exact)};
var SUFFIXES = ${literal(ordered)};
var NETWORKS = ${literal(networks)};
// A neighbour of these, or a name that no public resolver knows: where it is nowhere, Backstitch says why.
var NEAR = ${literal(Object.keys(near))};
var PRIVATE = ${PRIVATE};

function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/^\\[|\\]$/g, "").replace(/\\.$/, "");
  if (EXACT.hasOwnProperty(host)) return EXACT[host] ? PROXY : "DIRECT";
  for (var i = 0; i < SUFFIXES.length; i++) {
    var suffix = SUFFIXES[i][0];
    var at = host.length - suffix.length;
    if (at > 0 && host.indexOf(suffix, at) === at) return SUFFIXES[i][1] ? PROXY : "DIRECT";
  }
  if (/^\\d+\\.\\d+\\.\\d+\\.\\d+$/.test(host)) {
    for (var n = 0; n < NETWORKS.length; n++) {
      if (isInNet(host, NETWORKS[n][0], NETWORKS[n][1])) return PROXY;
    }
  }
  if (host === "localhost" || host.indexOf(":") >= 0 || /^[\\d.]+$/.test(host)) return "DIRECT";
  if (PRIVATE.test(host)) return "DIRECT; " + PROXY;
  for (var m = 0; m < NEAR.length; m++) {
    var from = host.length - NEAR[m].length;
    if (from > 0 && host.indexOf(NEAR[m], from) === from) return "DIRECT; " + PROXY;
  }
  return "DIRECT";
}
`
}

function maskOf(bits: number): string {
  const mask = bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0
  return [mask >>> 24, (mask >>> 16) & 255, (mask >>> 8) & 255, mask & 255].join('.')
}

/** JSON that is also JavaScript, whatever the strings hold. */
function literal(value: unknown): string {
  return visibleText(JSON.stringify(value))
}
