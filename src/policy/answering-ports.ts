import { isTlsPort } from './tls-ports.ts'

/** Web servers, databases, mail, shells, directories: on these ports whoever asks is answered, or is greeted. */
const ANSWERING: ReadonlySet<number> = new Set([
  ...[80, 81, 3000, 4200, 5000, 7001, 8000, 8008, 8080, 8081, 8088, 8090, 8888, 9000, 9090, 9200, 15_672],
  ...[1433, 1521, 3306, 5432, 6379, 6432, 27_017],
  ...[21, 22, 25, 88, 110, 143, 389, 445, 587, 3389, 5900],
])

/** Known before anybody was answered there. Not where lines or figures are only ever sent: syslog, Graphite. */
export function answersAsARule(port: number): boolean {
  return ANSWERING.has(port) || isTlsPort(port)
}
