/** `127.0.0.1:80`, `app.internal:80`, `[::1]:80`: what every log line, command and header shows of where something listens. */
export function hostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${urlHost(host)}:${port}`
}

/** A host as it stands before a port, or in a URL: no name has a colon, every IPv6 address does. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
