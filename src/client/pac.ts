/**
 * The proxy auto-configuration file: destinations that are covered go to the local proxy, the rest directly.
 * Pure; the script it writes resolves no name, so that looking at it never leaks one to a resolver.
 *
 * @module
 */
import { isIPv4 } from 'node:net'
import { visibleText } from '../base/visible-text.ts'
import type { LaneRules } from '../policy/lanes.ts'

export const PAC_TYPE = 'application/x-ns-proxy-autoconfig'

export interface Covered {
  /** Canonical names and addresses, and `*.suffix`. */
  readonly hosts: readonly string[]
  readonly cidrs: readonly string[]
  /** Names of the internet lane within those; absent: none. */
  readonly lanes?: LaneRules
}

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
  return `// Which destinations Backstitch carries. Written from what this user may reach; fetched again, it is current.
var PROXY = ${literal(`PROXY ${proxy}; SOCKS5 ${proxy}`)};
var EXACT = ${literal(exact)};
var SUFFIXES = ${literal(ordered)};
var NETWORKS = ${literal(networks)};

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
