/** Names that makers of TLS inspection put into the certificates they sign with, and what their products are. */
const VENDORS: readonly (readonly [pattern: RegExp, product: string])[] = [
  [/zscaler/i, 'Zscaler Internet Access'],
  [/palo ?alto|pan-?os|globalprotect/i, 'Palo Alto Networks'],
  [/forti(net|gate)/i, 'Fortinet FortiGate'],
  [/check ?point/i, 'Check Point'],
  [/sophos|cyberoam/i, 'Sophos'],
  [/blue ?coat|symantec.*(proxy|ssl)|broadcom.*proxy/i, 'Broadcom ProxySG'],
  [/umbrella|opendns|cisco.*(secure|web|wsa|root ca)/i, 'Cisco'],
  [/netskope|goskope/i, 'Netskope'],
  [/forcepoint|websense/i, 'Forcepoint'],
  [/mcafee|skyhigh|trellix/i, 'Skyhigh Security'],
  [/watchguard/i, 'WatchGuard'],
  [/barracuda/i, 'Barracuda'],
  [/sonicwall/i, 'SonicWall'],
  [/untangle|arista edge threat/i, 'Untangle'],
  [/iboss/i, 'iboss'],
  [/cloudflare.*(gateway|inspect)|gateway ca - cloudflare/i, 'Cloudflare Gateway'],
  [/kaspersky|eset ssl|avast|avg web|bitdefender/i, 'an antivirus program on this machine'],
  [/mitmproxy/i, 'mitmproxy'],
  [/charles proxy|fiddler/i, 'a debugging proxy'],
  [/squid/i, 'Squid'],
]

/** The product behind an issuer, if its name gives it away. */
export function inspectionVendor(issuer: string): string | undefined {
  return VENDORS.find(([pattern]) => pattern.test(issuer))?.[1]
}

/** Does the name itself say what it is for? */
export function soundsLikeInspection(issuer: string): boolean {
  return (
    inspectionVendor(issuer) !== undefined ||
    /inspect|decrypt|intercept|\bproxy\b|web ?gateway|ssl ?scan/i.test(issuer)
  )
}
