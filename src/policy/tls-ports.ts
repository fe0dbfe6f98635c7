/** A ClientHello is only sent where TLS is usual: other programs log it as an attack. */
const TLS_PORTS: ReadonlySet<number> = new Set([443, 8443, 9443, 4443, 636, 993, 995, 465, 5986, 6443])

export function isTlsPort(port: number): boolean {
  return TLS_PORTS.has(port)
}
